// The article as it reads, its loaded words and sentences marked. Its text content is the article's own and nothing else.

import { lineEnds, line, make, two, visible } from "./dom.js";
import { ANSWERS, answer, strength } from "./judge.js";

const VERDICTS = { loaded: "judged loaded", neutral: "judged neutral", abstained: "left undecided" };
const WHITE = /[\s\x1c-\x1f\x85\ufeff]+/g;

// `text` is what was sent. Offsets count code points, as Array.from does.
export function renderArticle(text, judged) {
  const points = Array.from(text);
  const nodes = [];
  let paragraph = null;
  const add = (...children) => {
    if (!paragraph) nodes.push(paragraph = make("p", { dir: "auto" }));
    paragraph.append(...children);
  };
  const gap = (start, end) => {
    for (const { words, parts } of stretches(points.slice(start, end).join(""), start === 0, end === points.length)) {
      if (!parts) add(visible(words));
      else {
        nodes.push(visible(words));
        paragraph = null;
      }
    }
  };
  let at = 0;
  judged.sentences.forEach((told) => {
    gap(at, told.start);
    add(...sentence(told));
    // Line ends within a sentence were made to fit a width.
    if (lineEnds(told.text).length) paragraph.classList.add("wrapped");
    at = told.end;
  });
  gap(at, points.length);
  return nodes;
}

// What stands between two sentences, cut where white space parts paragraphs.
function* stretches(between, first, last) {
  let at = 0;
  for (const { 0: white, index } of between.matchAll(WHITE)) {
    const ends = lineEnds(white);
    const edge = (first && index === 0) || (last && index + white.length === between.length);
    if (ends.length < 2 && !ends.includes("\u2029") && !edge) continue;
    if (at < index) yield { words: between.slice(at, index), parts: false };
    yield { words: white, parts: true };
    at = index + white.length;
  }
  if (at < between.length) yield { words: between.slice(at), parts: false };
}

export function saySentence(told) {
  const voice = sayVoice(told);
  const cut = told.truncated ? " · longer than the model reads" : "";
  return `Sentence ${told.number}: ${VERDICTS[told.verdict]}, probability ${two(told.loaded.probability)}${voice ? ` · ${voice}` : ""}${cut}`;
}

function sayVoice(told) {
  const speaker = told.speaker ? line(told.speaker) : "";
  if (told.voice === "quoted" || told.voice === "mixed") {
    return (told.voice === "quoted" ? "quoted" : "partly quoted") + (speaker ? `, ${speaker}` : "");
  }
  if (!speaker || told.speaker_start === null || (told.start <= told.speaker_start && told.speaker_start < told.end)) return "";
  return `reports ${speaker}`;
}

export function mark(span, { id } = {}) {
  const quoted = span.voice === "quoted" ? " · in a quotation" : "";
  const title = `loaded, probability ${two(span.probability)}${quoted}`;
  const data = { p: two(span.probability), ...(span.voice ? { voice: span.voice } : {}) };
  return make("mark", { class: strength(span.probability), id, title, data }, visible(span.text));
}

function sentence(told) {
  const said = saySentence(told);
  const shown = make("span", { class: `s ${told.verdict}`, id: `s${told.number}`, title: said });
  if (told.verdict !== "neutral") {
    shown.append(make("span", { class: `margin ${told.verdict}`, role: "img", "aria-label": said, data: { p: two(told.loaded.probability) } }));
  }
  const points = Array.from(told.text);
  let at = 0;
  const upTo = (end) => visible(points.slice(at, end).join(""));
  for (const span of told.spans) {
    shown.append(upTo(span.start - told.start), mark(span, { id: `w${span.rank}` }));
    at = span.end - told.start;
  }
  shown.append(upTo(points.length));
  return [shown, ...labels(told)];
}

function labels(told) {
  const after = [];
  const voice = sayVoice(told);
  if (voice) after.push(make("span", { class: "said", role: "img", "aria-label": voice, data: { said: voice } }));
  for (const stance of told.stance) {
    const [sign, words, towards] = ANSWERS[answer(stance)];
    const name = line(stance.target);
    const sure = Object.entries(stance.probabilities).map(([label, p]) => `${label} ${two(p)}`).join(", ");
    const title = `Sentence ${told.number}, stance towards ${name}: ${words} (${sure})`;
    const data = { said: `${sign} ${towards}${name}`, p: two(stance.probabilities[stance.label]) };
    after.push(make("span", { class: `toward stance ${answer(stance)}`, role: "img", "aria-label": title, title, data }));
  }
  if (told.truncated) after.push(make("span", { class: "cut", role: "img", "aria-label": "The model did not read this sentence to its end" }));
  return after;
}
