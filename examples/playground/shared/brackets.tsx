// Brackets in MathML that stay as small as letters: operators would grow with the sum beside them.
import type { ComponentChildren } from "preact";

/** (…), after the name of a function. */
export const Of = ({ children }: { readonly children: ComponentChildren }) => (
  <mrow>
    <mtext>(</mtext>
    {children}
    <mtext>)</mtext>
  </mrow>
);

/** |…| */
export const Absolute = ({ children }: { readonly children: ComponentChildren }) => (
  <mrow>
    <mtext>|</mtext>
    {children}
    <mtext>|</mtext>
  </mrow>
);
