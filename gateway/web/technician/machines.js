// Machines out of service and back, with a note.

import { ask, doing } from "./ask.js";
import { plain } from "./table.js";
import { element, put } from "../shared/dom.js";
import { SIGNS, statusOf, t, whyOf } from "../shared/words.js";

const LONGEST = 500; // characters of a note

export class Machines {
  #rows = new Map(); // machine id → Row
  #part;

  constructor(section) {
    const find = (name) => section.querySelector(name);
    this.#part = { list: find("ul"), search: find("input"), nothing: find(".nothing"), told: find(".told") };
    this.#part.search.addEventListener("input", () => this.#find());
  }

  /** All of them, as the stream's snapshot has them. */
  show(machines) {
    const known = new Set(machines.map(({ machineId }) => machineId));
    for (const id of [...this.#rows.keys()]) if (!known.has(id)) this.#drop(id);
    for (const machine of machines) {
      if (!this.#rows.has(machine.machineId)) this.#add(machine);
      this.update(machine);
    }
    this.#find();
  }

  update(machine) {
    this.#rows.get(machine.machineId)?.show(machine);
  }

  #add(machine) {
    const row = new Row(machine, (text) => put(this.#part.told, text));
    this.#rows.set(machine.machineId, row);
    this.#part.list.append(row.all);
  }

  #drop(id) {
    this.#rows.get(id).all.remove();
    this.#rows.delete(id);
  }

  #find() {
    const wanted = plain(this.#part.search.value);
    const rows = [...this.#rows.values()];
    for (const row of rows) row.all.hidden = !row.text.includes(wanted);
    this.#part.nothing.hidden = rows.length === 0 || rows.some(({ all }) => !all.hidden);
  }
}

class Row {
  #machine;
  #tell;

  /** `tell(text)` says what was done. */
  constructor(machine, tell) {
    const { machineId } = machine;
    this.#tell = tell;
    this.sign = element("span", { className: "sign" });
    this.sign.setAttribute("aria-hidden", "true");
    this.name = element("a", { className: "name", dir: "auto", href: `/m/${encodeURIComponent(machineId)}`, id: `name-${machineId}` });
    this.state = element("span", { className: "state" });
    this.open = element("button", { type: "button", className: "quiet", onclick: () => this.#ask() });
    this.open.setAttribute("aria-describedby", this.name.id);
    this.form = this.#form();
    this.all = element("li", {}, this.sign, this.name, this.state, this.open, this.form);
    this.all.dataset.machine = machineId;
    this.#machine = machine;
  }

  show(machine) {
    this.#machine = { ...this.#machine, ...machine };
    const { name, status, machineId, category } = this.#machine;
    this.all.dataset.status = status;
    put(this.sign, SIGNS[status] ?? "?");
    put(this.name, name);
    put(this.state, [statusOf(status), whyOf(this.#machine)].filter(Boolean).join(" · "));
    put(this.open, t(this.#isOut ? "technician.take_back" : "technician.take_out"));
    this.text = plain([name, machineId, category, statusOf(status)].join(" "));
  }

  get #isOut() {
    return this.#machine.status === "out_of_service";
  }

  #form() {
    this.note = element("textarea", { rows: 2, maxLength: LONGEST, dir: "auto" });
    this.told = element("span", { className: "told" });
    this.told.setAttribute("role", "status");
    const save = element("button", { type: "submit", textContent: t("technician.save") });
    const cancel = element("button", { type: "button", className: "quiet", textContent: t("technician.cancel"), onclick: () => this.#close() });
    const form = element("form", { hidden: true }, element("label", {}, t("technician.note"), " ", this.note), element("p", {}, save, " ", cancel, this.told));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      doing(save, this.told, () => this.#save());
    });
    form.addEventListener("keydown", ({ key }) => key === "Escape" && this.#close());
    return form;
  }

  #ask() {
    this.wanted = !this.#isOut; // what was asked for, whatever another does meanwhile
    this.form.hidden = false;
    this.open.hidden = true;
    this.note.focus();
  }

  async #save() {
    const { machineId, name } = this.#machine;
    const said = await ask("PUT", `/machines/${encodeURIComponent(machineId)}/service`, { outOfService: this.wanted, note: this.note.value });
    this.show(said);
    this.#close();
    this.#tell(t(this.wanted ? "technician.took_out" : "technician.took_back", { name }));
  }

  #close() {
    this.form.hidden = true;
    this.open.hidden = false;
    this.note.value = "";
    this.told.textContent = "";
    this.open.focus();
  }
}
