// Cuts a picture into overlapping tiles of one size, so that a network compiled once fits all of them.

/**
 * Tiles along one axis: at most `most` pixels long, each with `halo` pixels more than it answers for on every side that is
 * not the picture's edge. `begin` is where a tile starts, `from` to `to` the pixels it answers for.
 */
function cut(length, most, halo) {
  const count = length <= most ? 1 : Math.ceil((length - 2 * halo) / (most - 2 * halo));
  const size = Math.ceil((length + (count - 1) * 2 * halo) / count);
  return Array.from({ length: count }, (_, i) => {
    const begin = count === 1 ? 0 : Math.round((i * (length - size)) / (count - 1));
    const from = i === 0 ? 0 : begin + halo;
    return { begin, from, size };
  }).map((tile, i, all) => ({ ...tile, to: i + 1 < all.length ? all[i + 1].from : length }));
}

/** All tiles of a picture, row by row; every tile is `height` x `width` pixels. */
export function tilesOf(height, width, most, halo) {
  const rows = cut(height, most, halo);
  const columns = cut(width, most, halo);
  return {
    height: rows[0].size,
    width: columns[0].size,
    tiles: rows.flatMap((row) => columns.map((column) => ({ row, column }))),
  };
}
