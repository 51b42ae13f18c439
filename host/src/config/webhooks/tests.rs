//! What an entry of the settings file comes to.
