// How wide names have to be, in letters, to be read as a whole on so many lines.

const LETTER = 100; // px, while they are measured
const ALONE = /(?=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])|(?<=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])/u; // a line may end beside each
const SPARE = 1.02; // a browser rounds
const LONG = 10; // letters: a name that needs more is cut, and nobody else becomes smaller for it
const CUT = 7; // letters that those get where all are so long

/** The widest of them on so many lines, but for those that are too long. */
export function widthOf(names, lines) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `${LETTER}px system-ui, sans-serif`;
  const measured = (text) => context.measureText(text).width / LETTER;
  const whole = names.map((name) => SPARE * narrowest(words(name, measured), lines)).filter((width) => width <= LONG);
  return whole.length ? Math.max(...whole) : CUT;
}

function words(name, measured) {
  const space = measured(" ");
  return name.split(/\s+/).flatMap((word) => word.split(ALONE).map((part, place, all) => ({ long: measured(part), after: place === all.length - 1 ? space : 0 })));
}

/** Between its longest word and all of it in one line, halved until it hardly matters. */
function narrowest(parts, lines) {
  let low = Math.max(...parts.map(({ long }) => long)), high = parts.reduce((sum, { long, after }) => sum + long + after, 0);
  if (linesAt(parts, low) <= lines) return low;
  while (high - low > 0.05) {
    const middle = (low + high) / 2;
    if (linesAt(parts, middle) <= lines) high = middle;
    else low = middle;
  }
  return high;
}

function linesAt(parts, width) {
  let count = 1, used = 0;
  for (const { long, after } of parts) {
    if (used > 0 && used + long > width) [count, used] = [count + 1, 0];
    used += long + after;
  }
  return count;
}
