// The page of the API: made from /openapi.json and /asyncapi.json, as they are served here.

import { block, el, pretty, prose, row } from "/web/docs/dom.js";
import { tryIt } from "/web/docs/try.js";
import { nameOf, typeCard, typeOf } from "/web/docs/types.js";

const page = Object.fromEntries(
  ["title", "about", "sections", "filter", "token", "count", "main", "authentication", "calls", "messages", "types", "tools"]
    .map((id) => [id, document.getElementById(id)]),
);
const shown = []; // { node, text, group } of every call

async function read(address) {
  const reply = await fetch(address, { credentials: "omit" });
  if (!reply.ok) throw new Error(`${address} answered ${reply.status}`);
  return reply.json();
}

// --- calls -------------------------------------------------------------------------------------

function exampleOf(content, label) {
  const [kind, media] = Object.entries(content ?? {})[0] ?? [];
  if (!kind) return null;
  const type = el("p", {}, el("code", {}, kind), " · ", ...typeOf(media.schema));
  return [type, media.example === undefined ? null : block(pretty(media.example), label)];
}

function parameters(operation) {
  const rows = (operation.parameters ?? []).map((one) =>
    row(el("code", {}, one.name), `${one.in} · `, ...typeOf(one.schema), one.required ? " · " : " · optional · ", ...prose(one.description)));
  return rows.length ? [el("h4", {}, "Parameters"), el("dl", {}, rows)] : [];
}

function statusRow([status, response], responses) {
  const said = response.$ref ? responses[nameOf(response.$ref)] : response;
  return row(el("code", {}, status), ...prose(said.description));
}

function goodReply(operation) {
  const [, response] = Object.entries(operation.responses).find(([, one]) => !one.$ref);
  const content = exampleOf(response.content, "Example of a reply");
  return content ? [el("h4", {}, "Reply"), ...content] : [];
}

function details(path, method, operation, responses) {
  const body = exampleOf(operation.requestBody?.content, "Example of a body");
  return [
    el("p", {}, ...prose(operation.description)),
    ...parameters(operation),
    ...(body ? [el("h4", {}, "Body"), ...body] : []),
    ...goodReply(operation),
    el("h4", {}, "Statuses"),
    el("p", {}, "From 400 on, the body is a ", ...typeOf({ $ref: "Problem" }), "."),
    el("dl", {}, Object.entries(operation.responses).map((entry) => statusRow(entry, responses))),
    el("h4", {}, "Try it"),
    tryIt(path, method, operation, page.token),
  ];
}

function callOf(path, method, operation, responses) {
  const summary = el("summary", {},
    el("span", { className: "method", "data-method": method }, method.toUpperCase()),
    el("code", {}, path.replaceAll("/", "/\u200b")), el("span", { className: "says" }, operation.summary));
  const node = el("details", { id: operation.operationId, className: "call card" }, summary);
  node.addEventListener("toggle", () => {
    if (node.open && node.children.length === 1) node.append(el("div", {}, details(path, method, operation, responses)));
  });
  return node;
}

function showCalls(openapi) {
  const groups = new Map(openapi.tags.map((tag) => [tag.name, el("section", { "aria-label": tag.name },
    el("h3", { id: `tag-${tag.name}` }, tag.name), el("p", {}, ...prose(tag.description)))]));
  for (const [path, methods] of Object.entries(openapi.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [group, node] = [groups.get(operation.tags[0]), callOf(path, method, operation, openapi.components.responses)];
      group.append(node);
      shown.push({ node, group, text: `${method} ${path} ${operation.summary} ${operation.tags} ${operation.description}`.toLowerCase() });
    }
  }
  page.calls.append(...groups.values());
}

// --- who, messages, types -----------------------------------------------------------------------

function showAuthentication(openapi) {
  const schemes = Object.entries(openapi.components.securitySchemes);
  const join = `TOKEN=$(curl -s -X POST ${location.origin}/members | jq -r .token)`;
  const use = `curl -s -X POST -H "Authorization: Bearer $TOKEN" ${location.origin}/tickets`;
  page.authentication.append(
    el("p", {}, "Reading needs nobody's leave. For more, show a credential in one of these ways; a wrong one is 401 on every call."),
    el("dl", {}, schemes.map(([name, scheme]) => row(el("code", {}, name), ...prose(scheme.description)))),
    block(`${join}\n${use}`, "Example: become a member and use its token"),
  );
}

function messageOf([name, message]) {
  const payload = [el("code", {}, message.contentType ?? "application/json"), " · ", ...typeOf(message.payload)];
  const title = el("summary", {}, el("code", {}, name), el("span", { className: "says" }, ...prose(message.summary)));
  return el("details", { id: `message-${name}`, className: "card" }, title, el("p", {}, payload), message.examples.map((one) => block(pretty(one.payload), `Example of ${name}`)));
}

function channelRow([name, channel], operations) {
  const ways = Object.values(operations).filter((one) => nameOf(one.channel.$ref) === name);
  const said = ways.map((one) => [el("br"), one.action === "send" ? "the gateway sends " : "the gateway takes ",
    ...one.messages.flatMap(({ $ref }, number) => [number ? ", " : "", el("a", { href: `#message-${nameOf($ref)}` }, nameOf($ref))])]);
  return row(el("code", {}, channel.address), ...prose(channel.description), said.flat());
}

function showMessages(asyncapi) {
  page.messages.append(
    el("dl", {}, Object.entries(asyncapi.channels).map((entry) => channelRow(entry, asyncapi.operations))),
    ...Object.entries(asyncapi.components.messages).map(messageOf),
  );
}

function showTypes(...documents) {
  const all = Object.assign({}, ...documents.map((one) => one.components.schemas));
  page.types.append(...Object.entries(all).sort(([a], [b]) => a.localeCompare(b)).map(typeCard));
}

// --- finding ------------------------------------------------------------------------------------

function filter() {
  const words = page.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const call of shown) call.node.hidden = !words.every((word) => call.text.includes(word));
  for (const group of new Set(shown.map((call) => call.group))) {
    group.hidden = shown.every((call) => call.group !== group || call.node.hidden);
  }
  const left = shown.filter((call) => !call.node.hidden).length;
  page.count.textContent = `${left} of ${shown.length} calls`;
}

function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

async function main() {
  try {
    const [openapi, asyncapi] = await Promise.all([read("/openapi.json"), read("/asyncapi.json")]);
    document.title = page.title.textContent = `${openapi.info.title} · API`;
    page.about.replaceChildren(...prose(openapi.info.description));
    const places = [["authentication", "Who you are"], ...openapi.tags.map((tag) => [`tag-${tag.name}`, tag.name]), ["messages", "Messages"], ["types", "Types"]];
    page.sections.replaceChildren(...places.map(([id, name]) => el("a", { href: `#${id}` }, name)));
    showAuthentication(openapi);
    showCalls(openapi);
    showMessages(asyncapi);
    showTypes(openapi, asyncapi);
    filter();
    follow();
  } catch (error) {
    page.about.textContent = `The documents could not be read (${error.message}). Load the page again.`;
  }
  page.main.removeAttribute("aria-busy");
}

page.filter.addEventListener("input", filter);
page.tools.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", follow);
main();
