import os, sys
from provider.server.settings import Settings
from provider.server.serve import serve
sys.exit(serve(Settings.from_environment(os.environ)))
