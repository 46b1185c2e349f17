// Pieces of formulas in MathML.
import type { ComponentChildren } from "preact";
import { number } from "./matrix.tsx";

interface Parts {
  readonly children: ComponentChildren;
}

/** A formula on a line of its own. */
export const Formula = ({ children }: Parts) => <math display="block">{children}</math>;

/** ⌊ … ⌋ */
export const Floor = ({ children }: Parts) => (
  <mrow>
    <mo>⌊</mo>
    {children}
    <mo>⌋</mo>
  </mrow>
);

/** A number; negative ones in brackets where they follow a sign. */
export function Num({ value, brackets }: { readonly value: number; readonly brackets?: boolean }) {
  if (value >= 0) return <mn>{number(value)}</mn>;
  const minus = (
    <mrow>
      <mo>−</mo>
      <mn>{number(-value)}</mn>
    </mrow>
  );
  return brackets ? (
    <mrow>
      <mo>(</mo>
      {minus}
      <mo>)</mo>
    </mrow>
  ) : (
    minus
  );
}

/** A name with an index below. */
export const Sub = ({ of, index }: { readonly of: string; readonly index: string }) => (
  <msub>
    <mi>{of}</mi>
    <mi>{index}</mi>
  </msub>
);
