// Comfort only: every page is whole without this file.
"use strict";

// Press "/" to go to the page's search field.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  const find = document.querySelector("input[type=search]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && find) {
    event.preventDefault();
    find.focus();
    find.select();
  }
});

// <button data-copy="#id">: copies the text of an element, and says so to everyone.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const from = document.querySelector(button.dataset.copy);
  await navigator.clipboard.writeText(from.value ?? from.textContent.trim());
  const label = button.querySelector("span") ?? button;
  label.textContent = "Copied";
  document.getElementById("live").textContent = "Copied";
});
document.querySelectorAll("button[data-copy][hidden]").forEach((button) => { button.hidden = false; });

// A form is sent once, however often its button is pressed: a second time could end the link that the first one made.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => { delete form.dataset.sent; }, 5000); // who stopped the loading may try again
});

// A list that was filtered or turned a page: say how much there is.
document.addEventListener("htmx:afterSettle", () => {
  const count = document.querySelector(".results .count");
  if (count) document.getElementById("live").textContent = count.textContent;
});

// A job whose page looks again by itself: say <... data-say> when it has changed.
document.addEventListener("htmx:afterSettle", () => {
  const said = document.querySelector("[data-say]");
  const live = document.getElementById("live");
  if (said && live.textContent !== said.textContent) live.textContent = said.textContent;
});

// A part of a page that could not be had: load the whole page, which says what is wrong.
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.requestConfig.verb !== "get") return; // what is typed stays; sending the form says what is wrong
  location.assign(event.detail.pathInfo.finalRequestPath ?? event.detail.pathInfo.requestPath);
});
document.addEventListener("htmx:sendError", () => {
  document.getElementById("live").textContent = "The server cannot be reached.";
});
