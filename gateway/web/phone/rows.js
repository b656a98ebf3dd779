// The machines on the first page: a section for each category, a row for each machine.

import { likes, toggle } from "./favourites.js";
import { doing } from "./page.js";
import { element, list, put } from "../shared/dom.js";
import { SIGNS, ageOf, statusOf, t, whyOf } from "../shared/words.js";

export class Section {
  /** `wait()` sets an alert for any machine of it. */
  constructor(id, name, wait) {
    this.heading = element("h2", { id: `category-${id}`, textContent: name, dir: "auto" });
    this.label = element("span", { textContent: name, dir: "auto" });
    this.count = element("p");
    this.badge = element("b");
    this.list = list();
    this.told = element("span", { className: "told" });
    this.told.setAttribute("role", "status");
    this.wait = element("button", { type: "button", className: "quiet", textContent: t("phone.any_of"), hidden: true });
    this.wait.addEventListener("click", () => doing(this.wait, this.told, wait));
    this.all = element("section", {}, element("div", {}, this.heading, this.count), this.list, this.wait, this.told);
    this.all.setAttribute("aria-labelledby", this.heading.id);
    this.link = element("a", { href: `#${this.heading.id}` }, this.label, " ", this.badge);
  }

  name(name) {
    put(this.heading, name);
    put(this.label, name);
  }

  /** How its machines stand; returns how many are free. */
  show(machines, waiting) {
    const [free, unknown] = ["free", "unknown"].map((status) => machines.filter((one) => one.status === status).length);
    put(this.count, t(unknown ? "common.free_here_unknown" : "common.free_here", { free, all: machines.length, unknown }));
    put(this.badge, `${free}`);
    this.badge.classList.toggle("none", free === 0);
    this.wait.hidden = free > 0 || waiting || machines.length < 2; // a lone machine has its own page
    return free;
  }
}

export class Row {
  /** `moved()` is called when it was liked, or no more. */
  constructor(machine, home, moved) {
    const { machineId, name } = machine;
    this.home = home;
    this.sign = element("span", { className: "sign" });
    this.sign.setAttribute("aria-hidden", "true");
    this.word = element("b");
    this.rest = element("span");
    this.star = element("button", { type: "button", className: "star", onclick: () => this.#like(moved) });
    this.star.setAttribute("aria-label", t("phone.favourite", { name }));
    const link = element("a", { className: "name", href: `/m/${machineId}`, textContent: name, dir: "auto" });
    this.all = element("li", {}, this.sign, link, element("span", { className: "state" }, this.word, this.rest), this.star);
    this.all.dataset.machine = machineId;
    this.machine = machine;
  }

  get isLiked() {
    return likes(this.machine.machineId);
  }

  show(machine, age) {
    this.machine = machine;
    this.all.dataset.status = machine.status;
    put(this.sign, SIGNS[machine.status] ?? "?");
    put(this.word, statusOf(machine.status));
    this.renew(age);
  }

  /** Since when it is so; for an unknown one rather why. */
  renew(age) {
    const rest = whyOf(this.machine) ?? (age.known ? ageOf(age.since(this.machine.lastChange)) : "");
    put(this.rest, rest && ` · ${rest}`);
  }

  mark() {
    this.star.setAttribute("aria-pressed", this.isLiked);
    put(this.star, this.isLiked ? "★" : "☆");
  }

  #like(moved) {
    toggle(this.machine.machineId);
    moved();
    this.star.focus(); // it has moved
  }
}
