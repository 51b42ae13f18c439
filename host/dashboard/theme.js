// Sets the theme that the reader chose, before anything is painted.
