// What is wrong with a page's layout, as a list of sentences; run in the page itself.
oneScreen => {
  const SLACK = 1.5; // px: rounding
  const LEADING = 0.2; // of a line's height: lines may touch where no letter is
  const MOST = 12; // sentences; more are counted
  const wrong = [];
  const wide = innerWidth, high = innerHeight;

  const name = (element) => {
    const id = element.id ? `#${element.id}` : "";
    const kind = typeof element.className === "string" && element.className ? `.${element.className.trim().replace(/\s+/g, ".")}` : "";
    return `${element.localName}${id}${kind} “${element.textContent.trim().replace(/\s+/g, " ").slice(0, 40)}”`;
  };
  const scrolls = (element) => {
    for (let one = element; one; one = one.parentElement) {
      if (one !== document.documentElement && one !== document.body && /auto|scroll/.test(getComputedStyle(one).overflowX)) return true;
    }
    return false;
  };
  const unseen = (element) => {
    for (let one = element; one; one = one.parentElement) {
      if (getComputedStyle(one).clipPath !== "none" || one.matches(".unseen, .skip, option")) return true;
      if (getComputedStyle(one).overflow !== "visible" && one.clientHeight <= 1 && one.clientWidth <= 1) return true;
    }
    return false;
  };
  /** Wholly outside of what an ancestor shows: nobody sees a piece of it. */
  const away = (element, left, top) => {
    for (let one = element.parentElement; one && one !== document.body; one = one.parentElement) {
      const { right, bottom } = one.getBoundingClientRect();
      if (getComputedStyle(one).overflow === "hidden" && (left >= right - SLACK || top >= bottom - SLACK)) return true;
    }
    return false;
  };
  const clamped = (element) => getComputedStyle(element).webkitLineClamp !== "none";
  const floats = (element) => {
    for (let one = element; one; one = one.parentElement) if (/sticky|fixed/.test(getComputedStyle(one).position)) return true;
    return false;
  };

  if (document.documentElement.scrollWidth > wide) {
    wrong.push(`the document is ${document.documentElement.scrollWidth} px wide on a screen of ${wide}`);
  }
  if (oneScreen && document.documentElement.scrollHeight > high + SLACK) {
    wrong.push(`the document is ${document.documentElement.scrollHeight} px high on a screen of ${high}`);
  }

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const lines = []; // { element, left, right, top, bottom }
  const blocks = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || /^(script|style|noscript|title)$/.test(element.localName)) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || unseen(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const ends = clamped(element) ? element.getBoundingClientRect().bottom + SLACK : Infinity;
    for (const { left, right, top, bottom } of range.getClientRects()) {
      if (bottom > ends || away(element, left, top)) continue; // behind the "…", or wrapped away
      if (right - left > 1 && bottom - top > 1) lines.push({ element, left, right, top, bottom });
    }
    let block = element;
    while (block && getComputedStyle(block).display.startsWith("inline") && block.clientWidth === 0) block = block.parentElement;
    if (block) blocks.add(block);
  }

  for (const block of blocks) {
    if (scrolls(block) || block instanceof SVGElement) continue;
    if (clamped(block)) continue; // wraps, then ends in "…" by design
    const { overflowX, overflowY } = getComputedStyle(block);
    if (block.clientWidth && block.scrollWidth > block.clientWidth + SLACK) {
      wrong.push(`cut: ${name(block)} needs ${block.scrollWidth} px and has ${block.clientWidth}`);
    } else if (/hidden|clip/.test(overflowX + overflowY) && block.scrollHeight > block.clientHeight + SLACK) {
      wrong.push(`cut: ${name(block)} needs ${block.scrollHeight} px of height and has ${block.clientHeight}`);
    }
  }
  for (const { element, left, right, bottom } of lines) {
    if (scrolls(element)) continue;
    if (left < -SLACK || right > wide + SLACK) wrong.push(`off the screen: ${name(element)} from ${Math.round(left)} to ${Math.round(right)} px`);
    if (oneScreen && bottom > high + SLACK) wrong.push(`below the screen: ${name(element)} ends at ${Math.round(bottom)} px`);
    const box = element.closest("svg")?.getBoundingClientRect();
    if (box && (left < box.left - SLACK || right > box.right + SLACK)) wrong.push(`off its picture: ${name(element)}`);
  }

  const boxes = lines.filter(({ element }) => !floats(element) && !scrolls(element)).sort((one, other) => one.top - other.top);
  const inner = ({ top, bottom }) => [top + LEADING * (bottom - top), bottom - LEADING * (bottom - top)];
  boxes.forEach((one, place) => {
    const [top, bottom] = inner(one);
    for (let next = place + 1; next < boxes.length && boxes[next].top < bottom; next++) {
      const other = boxes[next];
      if (other.element === one.element) continue;
      const [otherTop, otherBottom] = inner(other);
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(bottom, otherBottom) - Math.max(top, otherTop);
      if (across > 2 && down > 2) wrong.push(`overlapping: ${name(one.element)} and ${name(other.element)}`);
    }
  });

  const each = [...new Set(wrong)];
  return each.length > MOST ? [...each.slice(0, MOST), `… and ${each.length - MOST} more`] : each;
}
