// The newest events of the log; the stream rings, the log is read by number.

import { ask } from "./ask.js";
import { line, table } from "./table.js";
import { word } from "./troubles.js";
import { moment } from "./when.js";
import { element, put } from "../shared/dom.js";
import { SIGNS, statusOf, t } from "../shared/words.js";

const MOST = 200; // rows
const GATHER = 1000; // ms between two looks: a branch that opens says much at once
const LABELS = ["time", "machine", "status", "cause", "event"].map((name) => t(`technician.${name}`));

export class Events {
  #part;
  #body;
  #nameOf;
  #begun = null;
  #cursor = null;
  #timer = null;
  #shown = false;

  /** `nameOf` tells a machine's name. */
  constructor(section, nameOf) {
    const { all, body } = table(t("technician.events"), LABELS);
    section.querySelector(".rows").append(all);
    this.#part = { count: section.querySelector(".counted"), nothing: section.querySelector(".nothing") };
    this.#body = body;
    this.#nameOf = nameOf;
  }

  /** Begin before the event `id`, `<epoch>-<seq>`: as many as are shown. */
  begin(id) {
    const [epoch, seq] = id.split("-");
    this.#begun = `${epoch}-${Math.max(0, Number(seq) - MOST)}`;
    this.forget();
    this.ring();
  }

  /** Show nothing of them any more; the next look begins anew. */
  forget() {
    this.#cursor = this.#begun;
    this.#body.replaceChildren();
    put(this.#part.count, "");
  }

  /** Something has changed. */
  ring() {
    if (this.#shown && this.#cursor) this.#timer ??= setTimeout(() => this.#look(), GATHER);
  }

  show(isShown) {
    this.#shown = isShown;
    if (isShown && this.#cursor) this.#look();
  }

  async #look() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const asked = this.#cursor;
    const page = await ask("GET", `/events?after=${asked}&limit=1000`).catch(() => null);
    if (this.#cursor !== asked || !this.#shown) return;
    if (!page) return this.ring();
    this.#cursor = page.next;
    this.#body.prepend(...page.events.slice(-MOST).map((event) => this.#row(event)).reverse());
    while (this.#body.children.length > MOST) this.#body.lastChild.remove();
    put(this.#part.count, t("technician.events_about", { count: this.#body.children.length }));
    this.#part.nothing.hidden = this.#body.children.length > 0;
    if (page.events.length === 1000) this.ring(); // there are more
  }

  #row({ id, machineId, status, cause, timestamp }) {
    const { all, cells } = line(LABELS);
    const sign = element("span", { className: "sign", textContent: SIGNS[status] ?? "?" });
    sign.setAttribute("aria-hidden", "true");
    cells[0].textContent = moment(timestamp);
    cells[1].textContent = this.#nameOf(machineId);
    cells[2].append(sign, ` ${statusOf(status)}`);
    cells[3].textContent = word(cause);
    cells[4].textContent = id;
    all.dataset.status = status;
    return all;
  }
}
