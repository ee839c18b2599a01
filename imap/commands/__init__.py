"""One file for each command family; a handler has three beats: arguments, one store call, responses."""
