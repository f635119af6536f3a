// Elements from values. Data becomes text nodes and attributes, never markup.

export function make(tag, { data, style, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  Object.assign(element.dataset, data ?? {});
  // Through the object model: the policy forbids style attributes.
  for (const [name, value] of Object.entries(style ?? {})) element.style.setProperty(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
export const two = (probability) => probability.toFixed(2);

export function percent(share) {
  if (share > 0 && share < 0.005) return "<1%";
  if (share >= 0.995 && share < 1) return ">99%";
  return `${Math.round(share * 100)}%`;
}

const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

// Text with every character that would act instead of being read shown as a sign (slant.serve.article.visible).
export function visible(text) {
  return text
    .replace(LINE_END, "\n")
    .replace(/[\x00-\x08\x0e-\x1b\x1f]/g, (sign) => String.fromCharCode(0x2400 + sign.charCodeAt(0)))
    .replace(/\x7f/g, "\u2421")
    .replace(/[\x80-\x9f]|\p{Surrogate}/gu, "\ufffd");
}

// The same in one line, and moving nothing outside itself.
export const line = (text) => visible(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd").replace(/\s+/g, " ").trim();

export const lineEnds = (text) => text.match(LINE_END) ?? [];
