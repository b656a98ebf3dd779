// JSON Schema in words, each type once with links between them.

import { el, prose, row } from "/web/docs/dom.js";

export const nameOf = (reference) => reference.split("/").at(-1);

function between(parts, word) {
  return parts.flatMap((part, number) => (number ? [word, ...part] : part));
}

function bounds(schema) {
  const { minimum, maximum, maxLength, minItems, maxItems, pattern } = schema;
  const said = [];
  if (minimum !== undefined || maximum !== undefined) said.push(`${minimum ?? "…"} to ${maximum ?? "…"}`);
  if (maxLength !== undefined) said.push(`at most ${maxLength} characters`);
  if (minItems !== undefined && minItems === maxItems) said.push(`exactly ${minItems}`);
  if (pattern) said.push(`like ${pattern}`);
  return said.length ? ` (${said.join(", ")})` : "";
}

// What a value may be, as text and links.
export function typeOf(schema = {}) {
  if (schema.$ref) return [el("a", { href: `#type-${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return between(choices.map(typeOf), " or ");
  if (schema.enum) return between(schema.enum.map((word) => [el("code", {}, JSON.stringify(word))]), " or ");
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items ?? schema.prefixItems?.[0]), bounds(schema)];
  if (schema.type === "object" && schema.additionalProperties) return ["object of ", ...typeOf(schema.additionalProperties)];
  return [`${schema.type ?? "anything"}${bounds(schema)}`];
}

function keys(schema) {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).flatMap(([name, of]) =>
    row(el("code", {}, name), ...typeOf(of), required.has(name) ? "" : " · may be absent", of.description ? [" · ", ...prose(of.description)] : []));
}

export function typeCard([name, schema]) {
  const title = el("summary", {}, el("code", {}, name));
  const about = schema.description ? el("p", {}, ...prose(schema.description)) : null;
  const inside = schema.properties ? el("dl", {}, keys(schema)) : el("p", {}, ...typeOf(schema));
  return el("details", { id: `type-${name}`, className: "card" }, title, about, inside);
}
