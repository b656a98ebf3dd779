// Elements, and text with `code` in it. Nothing here ever reads text as HTML.

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

export function prose(text = "") {
  return text.split("`").map((part, number) => (number % 2 ? el("code", {}, part) : part));
}

export function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

// A box that scrolls must be reachable by keyboard, and so needs a name; it is no landmark, there are dozens.
export function block(text, label) {
  return el("pre", { tabIndex: 0, role: "group", "aria-label": label }, text);
}

export function row(term, ...value) {
  return [el("dt", {}, term), el("dd", {}, ...value)];
}
