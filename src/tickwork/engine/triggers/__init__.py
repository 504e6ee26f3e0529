"""The trigger daemon: letters become events, events become tasks."""
