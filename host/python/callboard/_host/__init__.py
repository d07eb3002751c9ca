"""The host's side of the package: pipelines, runs, and steps that are called. `callboard` exports what is public of it."""
