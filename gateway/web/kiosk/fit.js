// How large machines are drawn, so that all of them are seen and none covers another; lengths in rem.

const LETTERS = [1.2, 1.1, 1, 0.9, 0.8, 0.7, 0.6, 0.5]; // their heights; smaller ones nobody reads
const SIGNS = [2.4, 2, 1.7, 1.4, 1.1]; // of signs without names
const SIGN = 2.3; // height of a sign, in letters of its name
const LINE = 1.2; // in letters
const NARROWEST = 4; // width of a name, in letters
const LINES = [2, 3]; // of a name
const GAP = 0.4; // what lies between two of a list, and between a sign and its name
const STEPS = 40; // in which tiles that cover each other are moved apart
const AWAY = 1; // tile that one may be moved: farther off it would stand elsewhere

/**
 * `spots` are `[x, y]` within 0…1; `wide(lines)` is how wide names are on so many, in letters.
 * `{ letters, sign, room, high, lines, corners }`, or null: they stand too close.
 */
export function fitPlan(spots, wide, width, height) {
  const place = (letters, room, sign, lines) => placed(spots, width, height, { letters, room, sign, lines, high: sign + LINE * lines * letters + GAP / 2 });
  const rooms = LINES.map((lines) => [lines, Math.max(NARROWEST, wide(lines))]);
  for (const letters of LETTERS) {
    for (const [lines, room] of rooms) {
      const found = place(letters, room * letters + GAP, SIGN * letters, lines);
      if (found) return found;
    }
  }
  for (const sign of SIGNS) {
    const found = place(0, sign, sign, 0);
    if (found) return found;
  }
  return null;
}

/** `{ letters, sign, columns }` of so many in rows; signs alone where names have no room. */
export function fitList(count, wide, width, height) {
  const cell = Math.max(NARROWEST, wide(2)) + SIGN + GAP;
  const fits = (one, high) => Math.ceil(count / across(width, one)) * (high + GAP) <= height + GAP;
  const letters = LETTERS.find((one) => fits(cell * one, 2 * LINE * one)) ?? 0;
  const sign = letters ? SIGN * letters : SIGNS.find((one) => fits(one, one)) ?? SIGNS.at(-1);
  return { letters, sign, columns: across(width, letters ? cell * letters : sign) };
}

function across(width, one) {
  return Math.max(1, Math.floor((width + GAP) / (one + GAP)));
}

/** With the corner of each tile; null: they cover each other. */
function placed(spots, width, height, size) {
  const free = [width - size.room, height - size.high]; // where corners may lie
  if (Math.min(...free) < 0 || spots.length * size.room * size.high > width * height) return null;
  const corners = spots.map((spot) => spot.map((share, axis) => share * free[axis]));
  return apart(corners, [size.room, size.high], free) ? { ...size, corners } : null;
}

/** Moves those apart that cover each other, in place; false where that takes too much. */
function apart(corners, size, free) {
  const from = corners.map((corner) => [...corner]);
  const far = (corner, place) => corner.some((at, axis) => Math.abs(at - from[place][axis]) > AWAY * size[axis]);
  for (let step = 0; step < STEPS; step++) {
    if (!push(corners, size, free)) return true;
    if (corners.some(far)) return false;
  }
  return false;
}

/** One step; whether any had to move. */
function push(corners, size, free) {
  let moved = false;
  corners.forEach((one, place) => {
    for (const other of corners.slice(place + 1)) {
      const over = size.map((length, axis) => length - Math.abs(other[axis] - one[axis]));
      if (Math.min(...over) < 0.01) continue;
      const axis = over[0] < over[1] ? 0 : 1; // the shorter way
      const way = (other[axis] < one[axis] ? -1 : 1) * (over[axis] / 2 + 0.01);
      one[axis] = within(one[axis] - way, free[axis]);
      other[axis] = within(other[axis] + way, free[axis]);
      moved = true;
    }
  });
  return moved;
}

const within = (value, most) => Math.min(Math.max(value, 0), most);
