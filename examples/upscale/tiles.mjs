// Cuts a picture into overlapping tiles of one size, so that a network compiled once fits all of them.

/**
 * Tiles along one axis. A tile begins at `begin` and has `size` pixels; of its output only those from `from` to `to` are used,
 * because its outer `halo` pixels do not see all their neighbours (except at the edge of the picture, where there are none).
 *
 * @param {number} length Pixels of the picture.
 * @param {number} longest Most pixels of a tile.
 * @param {number} halo
 */
function cut(length, longest, halo) {
  const count = length <= longest ? 1 : Math.ceil((length - 2 * halo) / (longest - 2 * halo));
  const size = Math.ceil((length + (count - 1) * 2 * halo) / count);
  return Array.from({ length: count }, (_, i) => {
    const begin = count === 1 ? 0 : Math.round((i * (length - size)) / (count - 1));
    const from = i === 0 ? 0 : begin + halo;
    return { begin, from, size };
  }).map((tile, i, all) => ({ ...tile, to: i + 1 < all.length ? all[i + 1].from : length }));
}

/**
 * All tiles of a picture, row by row; every tile is `height` x `width` pixels.
 *
 * @param {number} height
 * @param {number} width
 * @param {number} longest Longest side of a tile.
 * @param {number} halo Pixels that neighbouring tiles overlap on each side.
 */
export function tilesOf(height, width, longest, halo) {
  const rows = cut(height, longest, halo);
  const columns = cut(width, longest, halo);
  return {
    height: rows[0].size,
    width: columns[0].size,
    tiles: rows.flatMap((row) => columns.map((column) => ({ row, column }))),
  };
}
