"use strict";

// The table of contents marks the section that is being read; on narrow screens it starts closed.
const lines = new Map([...document.querySelectorAll("nav a")].map((line) => [line.hash.slice(1), line]));
const reading = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((entry) => entry.isIntersecting)) {
    lines.forEach((line) => line.removeAttribute("aria-current"));
    lines.get(entry.target.id).setAttribute("aria-current", "true");
  }
}, { rootMargin: "-20% 0px -75% 0px" });
document.querySelectorAll("main > section").forEach((section) => reading.observe(section));
document.querySelector("nav details").open = !matchMedia("(max-width: 62rem)").matches;

// The command can be copied; where the browser does not allow that, it is selected.
const command = document.querySelector(".command code");
const copy = document.querySelector(".command button");
copy.hidden = false;
copy.addEventListener("click", async () => {
  getSelection().selectAllChildren(command);
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(command.textContent);
    copy.textContent = "Copied";
  }
});

// On paper nothing can be opened, so everything is.
addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((part) => { part.open = true; }));
