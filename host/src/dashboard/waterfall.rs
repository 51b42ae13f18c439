//! Where the bars of a run stand on its axis of time.
