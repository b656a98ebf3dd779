// What a preview of the last day says, in a technician's words.

import { filled } from "./table.js";
import { moment, span } from "./when.js";
import { element } from "../shared/dom.js";
import { statusOf, t } from "../shared/words.js";

const DAY = 86_400; // seconds
const WHOLE = 0.95; // of the remembered time: what is missing beyond is not worth a line

/** Elements that tell of it. */
export function foreseen({ since, until, coverage, now, then, differences, more }) {
  const title = element("h4", { textContent: t("technician.foreseen") });
  if (since === null) return [title, said("not_remembered")];
  const known = coverage * DAY;
  const rows = [[t("technician.as_is"), outline(now)], [t("technician.under_this"), outline(then)]];
  const list = element("dl", {}, ...rows.map(([name, text]) => element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: text }))));
  return [title, said("remembered", { span: span(until - since) }), list, ...(known < WHOLE * (until - since) ? [said("known", { span: span(known) })] : []), ...differing(differences, more)];
}

function differing(differences, more) {
  if (differences.length === 0) return [];
  const labels = ["from", "as_is", "under_this"].map((name) => t(`technician.${name}`));
  const rows = differences.map(({ at, now, then }) => [moment(at), statusOf(now), statusOf(then)]);
  const title = t("technician.differences");
  return [element("details", {}, element("summary", { textContent: title }), filled(title, labels, rows), more ? said("more", { count: more }) : null)];
}

function outline({ occupiedSeconds, observedSeconds, sessions }) {
  return observedSeconds ? t("technician.outline", { span: span(occupiedSeconds), count: sessions }) : t("technician.not_known");
}

const said = (name, values) => element("p", { textContent: t(`technician.${name}`, values) });
