"""The reference, written by the code itself, and what the site needs beside its pages."""
