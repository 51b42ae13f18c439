//! Endpoints of each known sender.
