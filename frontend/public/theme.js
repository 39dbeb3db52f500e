// Runs before the first paint so that a remembered theme never flashes the other one.
// It is a file of its own because the content security policy allows no inline script.
(function () {
  try {
    var stored = JSON.parse(localStorage.getItem("lantern-loom.theme") || "null");
    var choice = stored && stored.state && stored.state.choice;
    if (choice === "light" || choice === "dark") {
      document.documentElement.dataset.theme = choice;
    }
  } catch {
    // A blocked or broken storage only means that the system's preference decides.
  }
})();
