// Sets the theme that the reader chose, before anything is painted.
try {
  const theme = localStorage.getItem("pawl-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // a browser that keeps nothing follows its system
}
