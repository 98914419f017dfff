"use strict";
// Shows the windows that match the filters. Everything on the page is there without this script.
const form = document.getElementById("filters");
const count = document.getElementById("count");
const windows = [...document.querySelectorAll("article")].map((element) => ({
  element, ...JSON.parse(element.dataset.facts),
}));

function matches(facts) {
  const { home, agreement, status, label, differ } = form.elements;
  return (!home.value || facts.home === home.value)
    && (!agreement.value || facts.agreement === agreement.value)
    && (!status.value || facts.statuses.includes(status.value))
    && (!label.value || facts.labels.includes(label.value))
    && (!differ.checked || facts.differ);
}

function show() {
  let shown = 0;
  for (const one of windows) {
    one.element.hidden = !matches(one);
    shown += !one.element.hidden;
  }
  count.textContent = `${shown} of ${windows.length} windows`;
}

function step(by) {
  const visible = windows.map((one) => one.element).filter((element) => !element.hidden);
  const now = visible.indexOf(document.activeElement.closest("article"));
  const next = visible[now < 0 ? (by > 0 ? 0 : visible.length - 1) : now + by];
  if (next) {
    next.focus();
    next.scrollIntoView();
  }
}

form.addEventListener("input", show);
form.addEventListener("reset", () => setTimeout(show));
form.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("select, input, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
});
form.hidden = false;
show();
