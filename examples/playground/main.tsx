// The page: header, table of contents, cards.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { cards } from "./cards/index.ts";
import type { CardModule } from "./shared/card.ts";
import { Button } from "./shared/controls.tsx";
import { setTheme, useTheme } from "./shared/theme.ts";

function Page() {
  const theme = useTheme();
  return (
    <>
      <a class="skip" href={`#${cards[0].id}`}>
        Skip to the first card
      </a>
      <header>
        <div class="top">
          <p class="brand">convolith</p>
          <Button
            testid="theme"
            label={theme === "dark" ? "light colours" : "dark colours"}
            onClick={() => setTheme(theme === "dark" ? "light" : "dark")}
          >
            {theme === "dark" ? "☀" : "☾"}
          </Button>
        </div>
        <h1>Convolution, step by step</h1>
        <p class="lead">
          Small kernels slide over pictures, find edges, and learn to read: every number on this page is
          computed in your browser, and most of them you can change.
        </p>
        <nav aria-label="Contents">
          <ol>
            {cards.map(({ id, title }) => (
              <li key={id}>
                <a href={`#${id}`}>{title}</a>
              </li>
            ))}
          </ol>
        </nav>
      </header>
      <main>
        {cards.map((card, i) => (
          <Section key={card.id} card={card} position={i + 1} />
        ))}
      </main>
      <footer>
        <p>
          Made with convolith: kernels in WebAssembly, in a worker of this page. Nothing leaves your computer.
          Photo: NASA, public domain. Digits: MNIST (Y. LeCun, C. Cortes).
        </p>
      </footer>
    </>
  );
}

/** How long cards above may grow after a jump, in milliseconds. */
const SETTLING = 3000;

/** How far from the screen a card starts its work, in CSS pixels. */
const NEAR = 600;

function Section({ card, position }: { readonly card: CardModule; readonly position: number }) {
  const ref = useRef<HTMLElement>(null);
  const [near, setNear] = useState(false);
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const nearby = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        setNear(true);
        nearby.disconnect();
      },
      { rootMargin: `${NEAR}px` },
    );
    // Several changes may be told at once: the last holds.
    const seen = new IntersectionObserver((entries) =>
      setVisible(entries[entries.length - 1].isIntersecting),
    );
    nearby.observe(element);
    seen.observe(element);
    return () => {
      nearby.disconnect();
      seen.disconnect();
    };
  }, []);
  const { id, title, intro, formula, Card } = card;
  return (
    <section
      ref={ref}
      id={id}
      class="card"
      aria-labelledby={`${id}-title`}
      data-state={near ? "started" : "waiting"}
    >
      <h2 id={`${id}-title`}>
        <span class="position" aria-hidden="true">
          {position}
        </span>
        {title}
      </h2>
      {intro && <p class="intro">{intro}</p>}
      {formula && <div class="formula">{formula}</div>}
      <div class="body">{near && <Card visible={visible} />}</div>
    </section>
  );
}

const page = document.getElementById("page");
if (page) {
  page.replaceChildren();
  render(<Page />, page);
  // The browser looked for the fragment before the page was there.
  followFragment();
  addEventListener("hashchange", followFragment);
}

/** Goes to the card that the address names, and stays with it while the cards around it start and grow, until the reader scrolls. */
function followFragment(): void {
  const card = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const main = document.querySelector("main");
  if (!card || !main) return;
  const growth = new ResizeObserver(() => card.scrollIntoView({ behavior: "instant" }));
  growth.observe(main);
  const moved = new AbortController();
  const end = () => {
    growth.disconnect();
    moved.abort();
  };
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown", "hashchange"])
    addEventListener(kind, end, { signal: moved.signal, passive: true });
  setTimeout(end, SETTLING);
}
