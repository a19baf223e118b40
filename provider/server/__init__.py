"""Settings, logs and processes: how the provider is put together and run."""
