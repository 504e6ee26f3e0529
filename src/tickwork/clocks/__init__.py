"""Pure time: rules that answer when something happens next."""
