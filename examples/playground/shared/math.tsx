// Pieces of formulas in MathML.
import type { ComponentChildren } from "preact";
import { number } from "./matrix.tsx";
import { outputSize, span, type WindowAxis } from "./window.ts";

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

/** A name with indices below: "i,j" or "Si+u,Sj+v". */
export const Sub = ({ of, index }: { readonly of: string; readonly index: string }) => (
  <msub>
    <mi>{of}</mi>
    <mrow>
      {[...index].map((sign, i) => (
        <Sign key={i} sign={sign} />
      ))}
    </mrow>
  </msub>
);

const Sign = ({ sign }: { readonly sign: string }) =>
  /[a-z]/i.test(sign) ? <mi>{sign}</mi> : /[0-9]/.test(sign) ? <mn>{sign}</mn> : <mo>{sign}</mo>;

/** ⌊(W − F + 2P) / S⌋ + 1 with names, and with the numbers of one axis in place. */
export function SizeFormula({
  axis,
  padding = true,
  name,
}: {
  readonly axis: WindowAxis;
  /** Whether padding has a place in it. Default true. */
  readonly padding?: boolean;
  /** data-testid begins with it. */
  readonly name: string;
}) {
  const { size, kernel, stride, dilation, before, after } = axis;
  const reach = span(axis);
  const out = outputSize(axis);
  const dilated = (
    <msup>
      <mi>F</mi>
      <mo>′</mo>
    </msup>
  );
  const plusOne = (
    <>
      <mo>+</mo>
      <mn>1</mn>
    </>
  );
  return (
    <div class="formula equation" data-testid={`${name}-size`}>
      {dilation > 1 && (
        <div class="line">
          <Formula>
            {dilated}
            <mo>=</mo>
            <mi>D</mi>
            <mo>(</mo>
            <mi>F</mi>
            <mo>−</mo>
            <mn>1</mn>
            <mo>)</mo>
            {plusOne}
          </Formula>
          <Formula>
            <mo>=</mo>
            <mn>{dilation}</mn>
            <mo>·</mo>
            <mo>(</mo>
            <mn>{kernel}</mn>
            <mo>−</mo>
            <mn>1</mn>
            <mo>)</mo>
            {plusOne}
            <mo>=</mo>
            <mn data-testid={`${name}-span`}>{reach}</mn>
          </Formula>
        </div>
      )}
      <div class="line">
        <Formula>
          <mtext>output</mtext>
          <mo>=</mo>
          <Floor>
            <mfrac>
              <mrow>
                <mi>W</mi>
                <mo>−</mo>
                {dilation > 1 ? dilated : <mi>F</mi>}
                {padding && (
                  <>
                    <mo>+</mo>
                    <mn>2</mn>
                    <mi>P</mi>
                  </>
                )}
              </mrow>
              <mi>S</mi>
            </mfrac>
          </Floor>
          {plusOne}
        </Formula>
        <Formula>
          <mo>=</mo>
          <Floor>
            <mfrac>
              <mrow>
                <mn>{size}</mn>
                <mo>−</mo>
                <mn>{reach}</mn>
                {padding && <mo>+</mo>}
                {padding &&
                  (before === after ? (
                    <>
                      <mn>2</mn>
                      <mo>·</mo>
                      <mn>{before}</mn>
                    </>
                  ) : (
                    <mrow>
                      <mo>(</mo>
                      <mn>{before}</mn>
                      <mo>+</mo>
                      <mn>{after}</mn>
                      <mo>)</mo>
                    </mrow>
                  ))}
              </mrow>
              <mn>{stride}</mn>
            </mfrac>
          </Floor>
          {plusOne}
        </Formula>
        <Formula>
          <mo>=</mo>
          <Floor>
            <mfrac>
              <Num value={size - reach + before + after} />
              <mn>{stride}</mn>
            </mfrac>
          </Floor>
          {plusOne}
          <mo>=</mo>
          <mrow class="answer" data-testid={`${name}-output-size`} data-value={out}>
            <Num value={out} />
          </mrow>
        </Formula>
      </div>
    </div>
  );
}
