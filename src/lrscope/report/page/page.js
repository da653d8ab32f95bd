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

// Commands can be copied; where the browser does not allow that, they are selected.
for (const place of document.querySelectorAll(".command")) {
  const [command, copy] = [place.querySelector("code"), place.querySelector("button")];
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    getSelection().selectAllChildren(command);
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(command.textContent);
      copy.textContent = "Copied";
    }
  });
}

// A click on a figure with axes shows the command for that point.
for (const image of document.querySelectorAll("img[data-point]")) {
  const { command, x, y, box, logarithmic } = JSON.parse(image.dataset.point);
  const [left, bottom, width, height] = box;
  const at = ([low, high], share, log) => log ? low * (high / low) ** share : low + (high - low) * share;
  image.addEventListener("click", (event) => {
    const picture = image.getBoundingClientRect();
    const across = ((event.clientX - picture.left) / picture.width - left) / width;
    const up = (1 - (event.clientY - picture.top) / picture.height - bottom) / height;
    if (Math.min(across, up) < 0 || Math.max(across, up) > 1) return;
    const place = image.closest("figure").querySelector(".command");
    const values = { x: at(x, across, logarithmic[0]), y: at(y, up, logarithmic[1]) };
    place.querySelector("code").textContent =
      command.replace(/\{([xy])\}/g, (_, name) => String(Number(values[name].toPrecision(12))));
    place.querySelector("button").textContent = "Copy";
    place.hidden = false;
  });
}

// On paper nothing can be opened, so everything is.
addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((part) => { part.open = true; }));
