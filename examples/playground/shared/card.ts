// What a card of the page is.
import type { ComponentChildren, FunctionComponent } from "preact";

export interface CardProps {
  /** Whether any part of the card is on the screen: loops (webcam, animation) rest while it is not. */
  readonly visible: boolean;
}

export interface CardModule {
  /** The fragment of its address, and the name of its row in the table of contents: "sliding-window". */
  readonly id: string;
  readonly title: string;
  /** One or two sentences, or none: what one can see here. */
  readonly intro?: ComponentChildren;
  /** What is computed, as MathML (`<math display="block">`); null for none. */
  readonly formula: ComponentChildren;
  /** Mounted, and so at work, when it is scrolled near for the first time. */
  readonly Card: FunctionComponent<CardProps>;
}
