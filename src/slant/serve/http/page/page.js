// The form, what it sends, and the thresholds that act on what came back.

import { renderArticle } from "./article.js";
import { count, two } from "./dom.js";
import { bounds, judge } from "./judge.js";
import { renderAbout, renderFigures, renderKey, renderNotes, renderStrip, renderTables, renderTargets } from "./tables.js";

const at = (id) => document.getElementById(id);
const shown = { text: "", annotation: null, sentence: null, word: null };
let asking = false;

function say(status, alert = "") {
  at("status").textContent = status;
  at("alert").textContent = alert;
}

async function ask(path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (at("token").value) headers.Authorization = `Bearer ${at("token").value}`;
  const response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), credentials: "omit" });
  if (response.status === 401) at("token-field").hidden = false;
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    const after = response.headers.get("Retry-After");
    throw new Error(problem.detail ?? `The server answered ${response.status}${after ? `; try again in ${after} s` : ""}.`);
  }
  return response.json();
}

// NAME or NAME=ALIAS,ALIAS a line, as `slant annotate --target` has it; null where nobody is named.
function targets() {
  const lines = at("targets").value.split("\n").map((words) => words.trim()).filter(Boolean);
  if (!lines.length) return null;
  return lines.map((words) => {
    const [name, ...rest] = words.split("=");
    return { name: name.trim(), aliases: rest.join("=").split(",").map((alias) => alias.trim()).filter(Boolean) };
  });
}

async function annotate() {
  const text = at("text").value;
  if (asking || !text.trim()) return;
  asking = true;
  at("annotate").setAttribute("aria-disabled", "true");
  say("Reading the article …");
  try {
    shown.annotation = await ask("v1/annotate", { text, targets: targets() });
    Object.assign(shown, { text, sentence: null, word: null });
    setSliders();
    render();
    at("result").hidden = false;
    say(`Annotated ${count(shown.annotation.sentences.length, "sentence", "sentences")}.`);
    at("result-title").focus();
  } catch (error) {
    say("", error instanceof TypeError ? "The server cannot be reached." : error.message);
    if (!at("token-field").hidden && !at("token").value) at("token").focus();
  } finally {
    asking = false;
    at("annotate").removeAttribute("aria-disabled");
  }
}

function setSliders() {
  const own = bounds(shown.annotation);
  at("sentence-threshold").value = own.sentence;
  at("word-slider").hidden = own.word === null;
  if (own.word !== null) {
    // The server told no words below its own threshold: there is nothing further down to show.
    at("word-threshold").min = Math.floor(own.word * 100) / 100;
    at("word-threshold").value = own.word;
  }
  const words = own.word === null ? "" : ` and words from ${two(own.word)}`;
  at("threshold-help").textContent = `The model counts sentences from ${two(own.sentence)}${words}. Moving these changes what is marked here, not the JSON.`;
}

function render() {
  const judged = judge(shown.annotation, shown);
  const parts = {
    figures: renderFigures(judged), "targets-summary": renderTargets(judged), strip: renderStrip(judged), notes: renderNotes(judged),
    key: renderKey(judged), article: renderArticle(shown.text, judged), tables: renderTables(judged), about: renderAbout(judged),
  };
  for (const [id, nodes] of Object.entries(parts)) at(id).replaceChildren(...nodes);
  at("sentence-shown").value = two(shown.sentence ?? bounds(shown.annotation).sentence);
  at("word-shown").value = two(shown.word ?? bounds(shown.annotation).word ?? 0);
}

let due = 0;
function slide(which, slider) {
  shown[which] = Number(slider.value);
  cancelAnimationFrame(due);
  due = requestAnimationFrame(render);
}

// Only where the page has no right to the clipboard: plain HTTP from another machine.
function copyBySelection(text) {
  const held = document.createElement("textarea");
  held.value = text;
  document.body.append(held);
  held.select();
  const done = document.execCommand("copy");
  held.remove();
  at("copy").focus();
  return done;
}

async function copy() {
  const text = JSON.stringify(shown.annotation, null, 1);
  const done = await (navigator.clipboard?.writeText(text).then(() => true, () => false) ?? false) || copyBySelection(text);
  say(done ? "Copied." : "", done ? "" : "The browser did not let the page copy.");
}

async function take(file) {
  try {
    at("text").value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    say(`${file.name} is in the field above.`);
  } catch {
    say("", `${file.name} is not a text file in UTF-8.`);
  }
}

at("ask").addEventListener("submit", (event) => { event.preventDefault(); annotate(); });
at("text").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) annotate(); });
at("open").addEventListener("click", () => at("file").click());
at("file").addEventListener("change", () => { if (at("file").files.length) take(at("file").files[0]); at("file").value = ""; });
at("sentence-threshold").addEventListener("input", (event) => slide("sentence", event.target));
at("word-threshold").addEventListener("input", (event) => slide("word", event.target));
at("reset").addEventListener("click", () => { Object.assign(shown, { sentence: null, word: null }); setSliders(); render(); });
at("copy").addEventListener("click", copy);

// A file may be dropped anywhere; text dragged into the field goes there by itself.
const brings = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => { if (brings(event)) { event.preventDefault(); document.body.classList.add("dropping"); } });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
addEventListener("drop", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
});

ask("v1/models").then(
  ({ models }) => { at("targets-field").hidden = !models.some((model) => model.task === "stance" || model.heads?.stance); },
  (error) => { if (at("token-field").hidden) say("", error.message); },
);
