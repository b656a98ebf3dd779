// "Try it": a form for one call, and what came back. Cookies are left out: the token says who asks.

import { block, el, pretty } from "/web/docs/dom.js";

const PATIENCE = 30_000; // ms for a whole reply
const SHOWN = 50_000; // characters of a body
const EVENTS = 12; // of a stream, then it is closed
const HELLO = { action: "subscribe" };
let forms = 0;

function field(label, input, hint) {
  input.id = `field-${++forms}`;
  return el("p", {}, el("label", { htmlFor: input.id }, label), input, hint ? el("small", {}, hint) : null);
}

function inputOf(parameter) {
  const { schema, example, required } = parameter;
  if (schema.enum) return el("select", {}, el("option", { value: "" }, "—"), schema.enum.map((word) => el("option", {}, word)));
  const hint = example === undefined ? "" : String(example);
  return el("input", { required, value: required ? hint : "", placeholder: hint, autocomplete: "off", spellcheck: false });
}

function fieldsOf(operation) {
  return (operation.parameters ?? []).map((parameter) => {
    const input = inputOf(parameter);
    const label = `${parameter.name} · ${parameter.in}${parameter.required ? "" : ", optional"}`;
    return { ...parameter, input, row: field(label, input, parameter.description) };
  });
}

function addressOf(path, fields) {
  const given = fields.filter((one) => one.input.value !== "");
  const query = new URLSearchParams(given.filter((one) => one.in === "query").map((one) => [one.name, one.input.value]));
  const filled = given.filter((one) => one.in === "path")
    .reduce((text, one) => text.replace(`{${one.name}}`, encodeURIComponent(one.input.value)), path);
  return query.size ? `${filled}?${query}` : filled;
}

function headersOf(fields, body, token) {
  const headers = new Headers(fields.filter((one) => one.in === "header" && one.input.value).map((one) => [one.name, one.input.value]));
  if (body) headers.set("Content-Type", "application/json");
  if (token) headers.set("Authorization", `Bearer ${token}`);
  return headers;
}

function legible(text, kind) {
  try {
    return kind.includes("json") ? pretty(JSON.parse(text)) : text;
  } catch {
    return text;
  }
}

// The reply's parts, made anew for every sending.
class Result {
  constructor() {
    this.status = el("p", { role: "status", className: "result" });
    this.rest = el("div");
    this.node = el("div", { className: "reply" }, this.status, this.rest);
  }

  begin() {
    this.status.textContent = "Sending …";
    this.rest.replaceChildren();
  }

  tell(text, good) {
    this.status.textContent = text;
    this.status.dataset.good = good;
  }

  head(reply, since) {
    this.tell(`${reply.status} ${reply.statusText} · ${Math.round(performance.now() - since)} ms`, reply.ok);
    const lines = [...reply.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    this.rest.append(el("details", {}, el("summary", {}, "Headers"), block(lines, "Headers of the reply")));
  }

  body(text) {
    const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}\n… ${text.length - SHOWN} characters more` : text;
    const box = block(shown, "Body of the reply");
    this.rest.append(box);
    return box;
  }
}

async function listen(reply, box, stop) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  stop.signal.addEventListener("abort", () => reader.cancel().catch(() => {}));
  for (let events = 0; events < EVENTS; ) {
    const { done, value } = await reader.read();
    if (done) break;
    box.append(value);
    events += value.split("\n\n").length - 1;
  }
  stop.abort();
}

async function call(operation, address, request, result, stop) {
  const since = performance.now();
  const late = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const reply = await fetch(address, { ...request, credentials: "omit", signal: stop.signal });
    result.head(reply, since);
    const kind = reply.headers.get("Content-Type") ?? "";
    if (kind.startsWith("text/event-stream")) return await listen(reply, result.body(""), stop);
    const text = await reply.text();
    result.body(text ? legible(text, kind) : "(no body)");
  } catch (error) {
    if (!result.rest.hasChildNodes()) result.tell(stop.signal.aborted ? "Stopped." : `No reply: ${error.message}`, false);
  } finally {
    clearTimeout(late);
  }
}

async function ticketFor(token) {
  if (!token) return "";
  const headers = { Authorization: `Bearer ${token}` };
  const reply = await fetch("/tickets", { method: "POST", headers, credentials: "omit" });
  return reply.ok ? `?ticket=${encodeURIComponent((await reply.json()).ticket)}` : "";
}

async function converse(address, said, token, result, stop) {
  const socket = new WebSocket(new URL(address + (await ticketFor(token)), location.href.replace(/^http/, "ws")));
  const box = result.body("");
  let heard = 0;
  const end = () => socket.close();
  stop.signal.addEventListener("abort", end);
  const late = setTimeout(end, PATIENCE);
  await new Promise((ended) => {
    socket.onopen = () => { result.tell("101 Switching Protocols", true); socket.send(said); };
    socket.onmessage = ({ data }) => { box.append(`${data}\n`); if (++heard >= EVENTS) end(); };
    socket.onerror = () => result.tell("The socket was refused.", false);
    socket.onclose = ended;
  });
  clearTimeout(late);
}

export function tryIt(path, method, operation, tokenField) {
  const fields = fieldsOf(operation);
  const isSocket = "101" in operation.responses;
  const example = isSocket ? HELLO : operation.requestBody?.content["application/json"].example;
  const body = example ? el("textarea", { rows: 6, value: pretty(example), spellcheck: false }) : null;
  const send = el("button", {}, "Send");
  const cancel = el("button", { type: "button", disabled: true }, "Stop");
  const result = new Result();
  let stop = new AbortController();
  cancel.onclick = () => stop.abort();

  async function submit(event) {
    event.preventDefault();
    stop = new AbortController();
    result.begin();
    [send.disabled, cancel.disabled] = [true, false];
    const address = addressOf(path, fields);
    const token = tokenField.value.trim();
    const request = { method: method.toUpperCase(), headers: headersOf(fields, body, token), body: body?.value };
    await (isSocket ? converse(address, body.value, token, result, stop) : call(operation, address, request, result, stop));
    [send.disabled, cancel.disabled] = [false, true];
  }

  const rows = fields.map((one) => one.row);
  if (body) rows.push(field(isSocket ? "First message" : "Body", body));
  return el("form", { onsubmit: submit, "aria-label": `Try ${method.toUpperCase()} ${path}` }, rows, el("p", { className: "buttons" }, send, cancel), result.node);
}
