// What stands around the article: figures, bars, key, and tables.

import { mark, saySentence } from "./article.js";
import { count, line, make, percent, two, visible } from "./dom.js";
import { ANSWERS, VOICES, answer, strength, tally } from "./judge.js";

const REACH = 70;
const WORDS_OF_TARGET = 8;

const sayTally = ({ loaded, sentences }) =>
  `${loaded} of ${count(sentences, "sentence", "sentences")} loaded${sentences ? ` (${percent(loaded / sentences)})` : ""}`;

export function renderFigures({ all, words, voices }) {
  const figure = (number, name) => make("div", {}, make("dt", {}, name), make("dd", {}, String(number)));
  const share = percent(all.sentences ? all.loaded / all.sentences : 0);
  const figures = make("dl", { class: "figures" },
    figure(all.sentences, all.sentences === 1 ? "sentence" : "sentences"),
    figure(all.loaded, `judged loaded (${share})`),
    figure(words.length, "loaded words or phrases"),
    all.abstained ? figure(all.abstained, "left undecided") : null);
  if (!voices.length) return [figures];
  const rows = voices.map((row) => make("div", {},
    make("dt", {}, VOICES[row.voice]),
    make("dd", {}, make("span", {}, sayTally(row)), " ",
      row.words === null ? null : make("span", {}, count(row.words, "loaded word or phrase", "loaded words or phrases")))));
  return [figures, make("dl", { class: "voices", "aria-label": "Loaded language by voice" }, ...rows)];
}

// One stop for the tabulator; the arrows, Home and End go from bar to bar.
export function renderStrip({ sentences }) {
  if (!sentences.length) return [];
  const bars = sentences.map((told, index) => make("a", {
    class: told.verdict, href: `#s${told.number}`, title: saySentence(told), "aria-label": saySentence(told),
    tabindex: index ? "-1" : "0", style: { "--p": two(told.loaded.probability) },
  }));
  const strip = make("nav", { class: "strip", "aria-label": "Sentences by probability" }, ...bars);
  strip.addEventListener("keydown", (event) => {
    const here = bars.indexOf(document.activeElement);
    const there = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: bars.length - 1 }[event.key];
    if (here < 0 || there === undefined || !bars[there]) return;
    event.preventDefault();
    bars[here].tabIndex = -1;
    bars[there].tabIndex = 0;
    bars[there].focus();
  });
  return [strip, make("p", { class: "caption" },
    "One bar a sentence, in reading order; its height is the probability that the sentence is loaded. The arrow keys go from bar to bar.")];
}

export function renderNotes({ annotation, sentences, all }) {
  const notes = [];
  if (!annotation.targets.length && annotation.bundles.some((bundle) => bundle.task === "stance")) {
    notes.push(make("li", {}, "No stances: no name recurs in this text. Name targets above to ask about them."));
  }
  const absent = annotation.targets.filter((target) => !target.mentions).map((target) => make("bdi", {}, line(target.name)));
  if (absent.length) notes.push(make("li", {}, "Not in this text: ", ...absent.flatMap((name, index) => (index ? [", ", name] : [name])), "."));
  if (all.abstained) {
    notes.push(make("li", {}, `In ${count(all.abstained, "sentence", "sentences")} the model was too unsure to judge; a dotted bar stands in the margin.`));
  }
  const cut = sentences.filter((told) => told.truncated).length;
  if (cut) notes.push(make("li", {}, `${count(cut, "sentence was", "sentences were")} longer than the model reads; what stands past that length is not judged.`));
  return notes.length ? [make("ul", { class: "notes" }, ...notes)] : [];
}

export function renderKey({ sentences, voices }) {
  const ranges = { strong: "0.85 or more", clear: "0.70–0.84", slight: "up to 0.69" };
  const keys = Object.entries(ranges).map(([name, range]) => make("span", {}, make("mark", { class: name }, name), range));
  keys.push(make("span", {}, make("span", { class: "bar" }, "0.87"), "sentence judged loaded"));
  if (voices.length) keys.push(make("span", {}, make("mark", { class: "clear", data: { voice: "quoted" } }, "word"), "in a quotation"));
  if (sentences.some((told) => told.stance.length)) {
    for (const [given, [sign, words]] of Object.entries(ANSWERS)) keys.push(make("span", { class: `stance ${given}` }, `${sign} ${words}`));
  }
  return [make("div", { class: "key" }, ...keys)];
}

const head = (...cells) => make("thead", {}, make("tr", {}, ...cells.map(([name, number]) => make("th", { scope: "col", class: number && "number" }, name))));

export function renderTargets(judged) {
  const told = judged.annotation.summary.targets;
  const found = told.filter((about) => judged.annotation.targets.some((target) => target.name === about.name && target.mentions));
  if (!found.length) return [];
  const heads = Object.values(ANSWERS).map(([sign, words]) =>
    make("th", { scope: "col", class: "number" }, make("span", { class: "sign" }, sign), " ", make("span", { class: "long" }, words)));
  return [make("table", { class: "sums" },
    make("caption", {}, `Stances towards ${found.length === 1 ? "the target" : "each target"}, by voice`),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Sentences"), ...heads)),
    ...found.map((about) => target(about, judged)))];
}

function target(about, { annotation, sentences }) {
  const own = annotation.targets.find(({ name }) => name === about.name);
  const aliases = own.aliases.length ? ` · also as ${own.aliases.map(line).join(", ")}` : "";
  const rows = stances(about).map(([voice, numbers]) => make("tr", {}, make("th", { scope: "row" }, voice),
    ...numbers.map(([given, number]) => make("td", { class: `number ${number ? `stance ${given}` : "none"}` }, String(number)))));
  const those = sentences.filter((told) => told.stance.some((stance) => stance.target === about.name));
  const words = those.flatMap((told) => told.spans).sort((one, other) => one.rank - other.rank);
  const beside = make("td", { class: "beside", colspan: "5", dir: "auto" }, those.length ? sayTally(tally(those)) : "No stance was told.");
  words.slice(0, WORDS_OF_TARGET).forEach((span, index) => beside.append(index ? ", " : ", with ", make("a", { href: `#w${span.rank}` }, mark(span))));
  if (words.length > WORDS_OF_TARGET) beside.append(` and ${words.length - WORDS_OF_TARGET} more`);
  const named = make("th", { scope: "rowgroup", colspan: "5", dir: "auto" }, line(about.name), " ",
    make("small", {}, count(own.mentions, "mention", "mentions") + aliases));
  return make("tbody", {}, make("tr", {}, named), ...rows, make("tr", {}, beside));
}

// A row for each voice that told any; those of no told voice are what the others leave of all.
function stances({ stance }) {
  const untold = Object.entries(stance.all).map(([given, number]) => [given, Object.keys(VOICES).reduce((left, voice) => left - stance[voice][given], number)]);
  const rows = [...Object.entries(VOICES).map(([voice, name]) => [name, Object.entries(stance[voice])]), ["Voice untold", untold]];
  return rows.filter(([, numbers]) => numbers.some(([, number]) => number));
}

export function renderTables({ sentences, words }) {
  const title = make("h2", { id: "words" }, "Loaded words by weight");
  const list = words.length
    ? make("table", {}, head(["Word or phrase"], ["Probability", true], ["In its sentence"], ["Sentence", true]), make("tbody", {}, ...words.map(word)))
    : make("p", { class: "caption" }, "The model marks no words of this text as loaded.");
  const tables = [make("section", { "aria-labelledby": "words" }, title, list)];
  const told = sentences.flatMap((of) => of.stance.map((stance) => ({ of, stance })));
  if (!told.length) return tables;
  const columns = [["Target"], ["Stance"], ...Object.keys(told[0].stance.probabilities).map((label) => [`p(${label})`, true]), ["Voice"], ["Sentence", true]];
  return [...tables, make("section", { "aria-labelledby": "stances" }, make("h2", { id: "stances" }, "Stances by sentence"),
    make("table", {}, head(...columns), make("tbody", {}, ...told.map(stanceRow))))];
}

function word({ span, sentence }) {
  const [before, after] = around(span, sentence);
  const voice = span.voice ?? sentence.voice;
  const speaker = span.voice ? span.speaker : sentence.speaker;
  const quoted = voice === "quoted" ? make("span", { class: "voice" }, speaker ? `quoted from ${line(speaker)}` : "quoted") : null;
  return make("tr", {},
    make("td", { class: "word", dir: "auto" }, make("a", { href: `#w${span.rank}` }, mark(span))),
    make("td", { class: "number", data: { name: "Probability" } }, two(span.probability)),
    make("td", { class: "context", dir: "auto" },
      make("a", { href: `#s${sentence.number}` }, visible(before), make("b", {}, visible(span.text)), visible(after)), quoted),
    make("td", { class: "number", data: { name: "Sentence" } }, String(sentence.number)));
}

function around(span, sentence) {
  const points = Array.from(sentence.text);
  const before = points.slice(0, span.start - sentence.start).join("");
  const after = points.slice(span.end - sentence.start).join("");
  const near = Array.from(before).slice(-REACH).join("");
  const next = Array.from(after).slice(0, REACH).join("");
  return [
    near.length < before.length ? `…${near.slice(near.indexOf(" ") + 1)}` : before,
    next.length < after.length ? `${next.slice(0, next.lastIndexOf(" ") > 0 ? next.lastIndexOf(" ") : undefined)}…` : after,
  ];
}

function stanceRow({ of, stance }) {
  const [sign, words] = ANSWERS[answer(stance)];
  return make("tr", {},
    make("td", { class: "word", dir: "auto" }, line(stance.target)),
    make("td", { class: `stance ${answer(stance)}` }, `${sign} ${words}`),
    ...Object.entries(stance.probabilities).map(([label, p]) => make("td", { class: "number", data: { name: label } }, two(p))),
    make("td", { data: { name: "" } }, VOICES[of.voice] ?? "–"),
    make("td", { class: "number", data: { name: "Sentence" } }, make("a", { href: `#s${of.number}` }, String(of.number))));
}

export function renderAbout({ annotation }) {
  return annotation.bundles.map((bundle) => {
    const name = [bundle.name, bundle.id].filter(Boolean).map((part) => line(String(part))).join(" ");
    const corpus = bundle.corpus ? ` · trained on ${line(bundle.corpus)}` : "";
    return make("p", { class: "caption" }, `Model ${name}${corpus} · slant ${line(bundle.package_version)}`);
  });
}
