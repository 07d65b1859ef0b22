// Makes the what-if page live. Without it the form's own buttons do the same, with a new page each.
"use strict";
const form = document.getElementById("what-if");
const said = document.getElementById("said");
const answer = document.getElementById("answer");
const mark = form.elements.patient.value;
const WAIT = 250; // ms without a change before the server is asked
const FAILED = "No result: the server could not work this out. Change a value to try again, or open the page anew.";
const OTHER = "No result: the reply was not about this patient, so it was not used. Close this page and open it anew.";
let asked = 0; // number of the newest question: replies to older ones are dropped
let timer = 0;
let going = null;

function digits(step) {
  return (step.split(".")[1] || "").length;
}

function slide(entry) {
  const text = entry.querySelector("[type=text]");
  const slider = entry.querySelector("[type=range]");
  const value = Number(text.value.replace(",", "."));
  slider.hidden = text.value.trim() === "" || Number.isNaN(value);
  if (!slider.hidden) slider.value = value;
}

function nudge(button) {
  const text = button.parentElement.querySelector("[type=text]");
  const value = Number(text.value.replace(",", "."));
  if (text.value.trim() === "" || Number.isNaN(value)) return;
  const most = Number(text.dataset.high);
  const moved = Math.min(Math.max(value + Number(button.dataset.nudge), Number(text.dataset.low)), most);
  text.value = moved.toFixed(digits(text.dataset.step));
  slide(button.parentElement);
  soon();
}

function soon() {
  answer.setAttribute("aria-busy", "true");
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT);
}

async function ask(button) {
  clearTimeout(timer);
  const mine = ++asked;
  if (going) going.abort();
  going = new AbortController();
  const body = new URLSearchParams(new FormData(form));
  if (button) body.set("do", button.value);
  try {
    const headers = { Accept: "application/json" };
    const reply = await fetch(form.action, { method: "POST", body, headers, signal: going.signal, redirect: "error" });
    const found = reply.ok ? await reply.json() : null;
    if (mine !== asked) return;
    if (!found) none(FAILED);
    else if (reply.headers.get("Kindred-Patient") !== mark) none(OTHER);
    else show(found, button && button.value === "reset");
  } catch {
    if (mine === asked) none(FAILED);
  }
}

function none(why) {
  answer.hidden = true; // what stood there belongs to other values
  answer.removeAttribute("aria-busy");
  said.textContent = why;
}

function show(found, anew) {
  for (const [name, one] of Object.entries(found.fields)) {
    const field = form.querySelector(`[data-field="${name}"]`);
    if (field) tell(field, one, anew);
  }
  for (const [name, one] of Object.entries(found.offered)) offer(form.elements["lever_" + name], one, anew);
  answer.innerHTML = found.html; // made by our own templates; nothing in it takes the focus, so none is lost
  answer.hidden = false;
  answer.removeAttribute("aria-busy");
  said.textContent = found.said + (said.textContent === found.said ? "\u00a0" : ""); // the same result is announced too
}

function tell(field, one, anew) {
  const input = field.querySelector("[type=text], select");
  if (anew) input.value = one.text;
  if (anew && input.type === "text") slide(field.querySelector(".entry"));
  const words = field.querySelector(".mark");
  words.className = "mark " + one.mark;
  words.textContent = one.words;
  field.querySelector(".message").textContent = one.message;
  if (one.message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function offer(select, one, anew) {
  const was = anew ? "" : select.value;
  const names = one.doses.map(([name]) => name);
  const has = [...select.options].slice(1).map((option) => option.value);
  if (has.join() !== names.join()) {
    while (select.length > 1) select.remove(1); // only where it differs: the list may be open
    for (const [name, label] of one.doses) select.add(new Option(label, name));
  }
  select.value = names.includes(was) ? was : "";
  select.disabled = Boolean(one.why);
  document.getElementById("w-" + select.name.slice(6)).textContent = one.why || "";
}

form.addEventListener("input", (event) => {
  const entry = event.target.closest(".entry");
  if (event.target.type === "range") entry.querySelector("[type=text]").value = event.target.value;
  else if (event.target.type === "text") slide(entry);
  soon();
});
form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-nudge]");
  if (!button) return;
  event.preventDefault();
  nudge(button);
});
form.addEventListener("submit", (event) => {
  if (event.submitter && event.submitter.value === "unit") return; // a new page in the other unit
  event.preventDefault();
  ask(event.submitter);
});
form.querySelectorAll("[type=range]").forEach((slider) => slide(slider.parentElement));
