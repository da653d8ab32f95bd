"use strict";

// Interactive figures: the library is unpacked when the first one comes into view, each figure drawn when it does.
const library = document.getElementById("plotly");
const settings = {
  responsive: true,
  displaylogo: false,
  displayModeBar: matchMedia("(pointer: coarse)").matches ? false : "hover", // it would cover small figures
  modeBarButtonsToRemove: ["lasso2d", "select2d"],
  showSendToCloud: false, // nothing leaves the page
  plotlyServerURL: "",
};
let unpacked;

// Plotly rejects a promise without a reason when a film is paused or its slider moved: nothing has failed.
addEventListener("unhandledrejection", (event) => { if (event.reason === undefined) event.preventDefault(); });

async function unpack() {
  const packed = Uint8Array.from(atob(library.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

async function draw(card) {
  const waiting = card.querySelector(".waiting");
  try {
    waiting.textContent = "Drawing …";
    await (unpacked ??= unpack());
    const figure = JSON.parse(card.querySelector("script").textContent);
    const target = document.createElement("div");
    target.style.height = card.style.minHeight;
    waiting.replaceWith(target);
    await Plotly.newPlot(target, { ...figure, layout: { ...figure.layout, autosize: true }, config: settings });
    card.dataset.drawn = "yes";
  } catch (error) {
    waiting.textContent = "This figure could not be drawn: " + error.message;
    throw error;
  }
}

const inView = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((entry) => entry.isIntersecting)) {
    inView.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "200px" });
document.querySelectorAll(".interactive .card").forEach((card) => inView.observe(card));

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
