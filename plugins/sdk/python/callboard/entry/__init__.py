"""What componentize-py makes a component of: a module for each kind of step, with the classes that the host calls."""
