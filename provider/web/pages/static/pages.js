// What the pages do beyond their forms: they follow what happens, and keep what somebody is typing.
"use strict";

const connection = document.getElementById("connection");

// A form that somebody has touched stays as it is while the rest of the page follows; it then is of an older version,
// and the server tells what happened meanwhile.
htmx.registerExtension("keep-touched", {
  htmx_before_morph_node: (node) => !(node instanceof HTMLFormElement && node.dataset.dirty),
});
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form) form.dataset.dirty = "yes";
});

// The slider stands beside the number only where there is a script to bind the two.
function bindSlider() {
  const slider = document.getElementById("weight-slider");
  if (slider) slider.hidden = false;
}
document.addEventListener("input", (event) => {
  const slider = document.getElementById("weight-slider");
  const number = document.getElementById("weight-number");
  if (event.target === slider) number.value = slider.value;
  if (event.target === number) slider.value = number.value;
});
document.addEventListener("htmx:after:swap", bindSlider);
bindSlider();

// One stream an open page, and none in a hidden tab: browsers allow six connections to a host over HTTP/1.1.
const watched = document.body.dataset.watch;
let stream = null;

function say(words, isLost) {
  connection.hidden = false;
  connection.textContent = words;
  connection.classList.toggle("lost", isLost);
}

function refresh() {
  document.body.dispatchEvent(new Event("changed"));
}

function concerns({ kind, name }) {
  return kind === "everything" || watched === kind || watched === `${kind}/${name}`;
}

function listen() {
  let wasLost = false;
  stream = new EventSource(`${document.body.dataset.root}/live`);
  stream.onopen = () => {
    say("Live", false);
    if (wasLost) refresh();
    wasLost = false;
  };
  stream.onerror = () => {
    wasLost = true;
    say("Connection lost; this page may be outdated", true);
    // A browser gives up for good where it got an answer that is no stream: from a proxy whose upstream is away, or
    // because the session has ended, which the page learns when it asks.
    if (stream.readyState !== EventSource.CLOSED) return;
    refresh();
    setTimeout(() => stream === null || restart(), 2000);
  };
  stream.addEventListener("changed", (event) => {
    if (concerns(JSON.parse(event.data))) refresh();
  });
}

function restart() {
  stream.close();
  listen();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream) {
    refresh();
    listen();
  }
});
if (connection && watched) listen();
window.addEventListener("pagehide", () => stream?.close());

// Ages go on by themselves, by the server's clock.
const skew = document.body.dataset.now ? Date.now() - new Date(document.body.dataset.now) : 0;
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
setInterval(() => {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const seconds = Math.max(0, (Date.now() - skew - new Date(element.dateTime)) / 1000);
    const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? UNITS.at(-1);
    element.textContent = `${Math.floor(seconds / length)} ${unit}`;
  }
}, 5000);
