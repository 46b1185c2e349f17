// A small font, drawn for this package: capitals of 5 x 7 pixels, two more rows below the line.

/** Rows from the top, each a digit of base 32 whose highest bit is the left pixel. */
const GLYPHS: Readonly<Record<string, string>> = {
  ...{ A: "ehhvhhh", B: "uhhuhhu", C: "ehggghe", D: "sihhhis", E: "vgguggv", F: "vgguggg", G: "ehgnhhf" },
  ...{ H: "hhhvhhh", I: "e44444e", J: "72222ic", K: "hikokih", L: "ggggggv", M: "hrllhhh", N: "hhpljhh" },
  ...{ O: "ehhhhhe", P: "uhhuggg", Q: "ehhhlid", R: "uhhukih", S: "fgge11u", T: "v444444", U: "hhhhhhe" },
  ...{ V: "hhhhha4", W: "hhhllla", X: "hha4ahh", Y: "hhha444", Z: "v1248gv" },
  ...{ a: "00e1fhf", b: "ggmphhu", c: "00egghe", d: "11djhhf", e: "00ehvge", f: "698s888", g: "00fhhjd1e" },
  ...{ h: "ggmphhh", i: "40c444e", j: "2062222ic", k: "ggikoki", l: "c44444e", m: "00qllhh", n: "00mphhh" },
  ...{ o: "00ehhhe", p: "00mphpmgg", q: "00djhjd11", r: "00mpggg", s: "00fge1u", t: "88s8896", u: "00hhhjd" },
  ...{ v: "00hhha4", w: "00hhlla", x: "00ha4ah", y: "00hhhjd1e", z: "00v248v" },
  ...{ 0: "ehjlphe", 1: "4c4444e", 2: "eh1248v", 3: "v2421he", 4: "26aiv22", 5: "vgu11he", 6: "68guhhe" },
  ...{ 7: "v124888", 8: "ehhehhe", 9: "ehhf12c" },
  ...{ " ": "0000000", ".": "00000cc", ",": "00000c48", ":": "0cc0cc0", "-": "000v000", "−": "000v000" },
  ...{ "+": "044v440", "=": "00v0v00", "(": "2488842", ")": "8422248", "/": "01248g0", "%": "op248j3" },
  ...{ "°": "6996000", "'": "4480000", "!": "4444404", "?": "eh12404", "#": "aavavaa", _: "000000v" },
  ...{ "[": "e88888e", "]": "e22222e", "<": "248g842", ">": "8421248", "*": "04lel40", "×": "0ha4ah0" },
  ...{ σ: "00fihhe", π: "00vaaaa", "²": "c24e000", "|": "4444444" },
};
/** What stands for characters it has not. */
const MISSING = "vhhhhhv";

/** Of a character, with the column between two. */
export const GLYPH_WIDTH = 6;
export const GLYPH_HEIGHT = 9;

/** Pixels a text needs across. */
export const textWidth = (text: string): number => Math.max(0, [...text].length * GLYPH_WIDTH - 1);

/** Calls `set` for every pixel of a text whose upper left corner is (0, 0). */
export function drawText(text: string, set: (x: number, y: number) => void): void {
  [...text].forEach((character, i) => {
    [...(GLYPHS[character] ?? MISSING)].forEach((row, y) => {
      for (let x = 0; x < 5; x++) if ((Number.parseInt(row, 32) >> (4 - x)) & 1) set(i * GLYPH_WIDTH + x, y);
    });
  });
}
