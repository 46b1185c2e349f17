// Cases of the ONNX project that are not computed here, and why. Each of them must be refused with an UnsupportedError when it is loaded or
// compiled; all others must pass. Patterns are held against the names of cases.

export const SKIPPED: readonly (readonly [cases: RegExp, why: string])[] = [
  // What a network of tensors whose shapes are known cannot have.
  [
    /^test_sequence|_sequence(_|$)|_seq$|_opt$|optional|loop16_seq_none|loop13_seq|split_to_sequence/,
    "sequences and optional values",
  ],
  [/strnorm|_STRING/, "tensors of text"],
  [/^test_(if|loop11|scan9?_sum|range_\w+_expanded)$/, "control flow: If, Loop, Scan"],
  [/^test_(compress|nonzero|unique)/, "outputs whose size only the values tell: Compress, NonZero, Unique"],
  // Types that float32 and int32 do not hold.
  [/uint(32|64)$/, "integers beyond int32: uint32, uint64"],
  [/_to_BFLOAT16/, "rounding to bfloat16"],
  // Operators that are not of nets for images.
  [/^test_(simple_rnn|rnn|lstm|gru)/, "recurrent layers"],
  [/^test_(nllloss_(?!.*_expanded)|sce_)/, "losses: networks train by fit"],
  [/^test_(adagrad|adam|momentum|nesterov|gradient)/, "training operators: networks train by fit"],
  [/^test_(training_dropout(_default)?(_mask)?|bernoulli\w*)$/, "values at random"],
  [/^test_(dft|stft|melweightmatrix|(blackman|hamming|hann)window(_symmetric)?$)/, "operators for sound"],
  [/^test_tfidfvectorizer/, "operators for text"],
  [/^test_(det_|eyelike)/, "Det and EyeLike"],
  // These come with networks of 8-bit integers.
  [/convinteger|matmulinteger|qlinear|dynamicquantizelinear(_m\w+_adjusted)?$/, "products of 8-bit integers"],
];

export const whySkipped = (name: string): string | undefined =>
  SKIPPED.find(([cases]) => cases.test(name))?.[1];
