// The cards, in the order of the page.
import type { CardModule } from "../shared/card.ts";
import * as slidingWindow from "./sliding-window.tsx";

export const cards: readonly CardModule[] = [slidingWindow];
