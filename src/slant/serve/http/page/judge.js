// What the thresholds make of an annotation. A threshold that nobody has moved is null: then the server's own labels stand.

export const VOICES = { author: "Author’s words", quoted: "Quoted", mixed: "Partly quoted" };
export const ANSWERS = {
  against: ["▼", "against", "against "],
  neutral: ["○", "neutral", "neutral on "],
  favor: ["▲", "in favor", "in favor of "],
  abstained: ["?", "undecided", "undecided on "],
};
const STRENGTHS = [["strong", 0.85], ["clear", 0.7], ["slight", 0]];

export const strength = (probability) => STRENGTHS.find(([, bound]) => Number(probability.toFixed(2)) >= bound)[0];
export const answer = (stance) => (stance.abstained ? "abstained" : stance.label);

// The bounds that the bundles set.
export function bounds(annotation) {
  const own = annotation.bundles.find((bundle) => bundle.task === "loaded") ?? {};
  return { sentence: own.threshold ?? 0.5, word: own.word_threshold ?? null };
}

export function judge(annotation, { sentence, word }) {
  const sentences = annotation.sentences.map((told, index) => ({ ...told, number: index + 1, verdict: verdict(told, sentence), spans: kept(told, word) }));
  const words = sentences.flatMap((told) => told.spans.map((span) => ({ span, sentence: told })));
  words.sort((one, other) => other.span.probability - one.span.probability || one.span.start - other.span.start);
  words.forEach((found, index) => { found.span.rank = index + 1; });
  return { annotation, sentences, words, all: tally(sentences), voices: voices(sentences, words) };
}

function verdict(told, threshold) {
  if (told.loaded.abstained) return "abstained";
  const loaded = threshold === null ? told.loaded.label === "loaded" : told.loaded.probability >= threshold;
  return loaded ? "loaded" : "neutral";
}

const kept = (told, threshold) => told.spans.filter((span) => threshold === null || span.probability >= threshold).map((span) => ({ ...span }));

export function tally(sentences) {
  const number = (wanted) => sentences.filter((told) => told.verdict === wanted).length;
  return { sentences: sentences.length, loaded: number("loaded"), abstained: number("abstained") };
}

function voices(sentences, words) {
  return Object.keys(VOICES).map((voice) => ({
    voice,
    ...tally(sentences.filter((told) => told.voice === voice)),
    // A span is the author's or quoted, never both.
    words: voice === "mixed" ? null : words.filter(({ span }) => span.voice === voice).length,
  })).filter((row) => row.sentences || row.words);
}
