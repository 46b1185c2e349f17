// (i) A trained network enlarges a picture, and tells where its time goes.
import { useMemo, useState } from "preact/hooks";
import "../pictures.css";
import type { CardProps } from "../shared/card.ts";
import { worker } from "../shared/client.ts";
import { Choices, Failure, Result, Slider } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";
import { Picture } from "../shared/picture.tsx";
import { PictureSource } from "../shared/source.tsx";

export const id = "nets";
export const title = "Real nets";
export const intro = (
  <>
    ESRGAN-slim, 23 layers trained on photos, makes a piece of a picture twice as wide and high. Interpolation
    can only mix neighbours; the network has learnt from photos what their edges look like.
  </>
);
export const formula = null;

const SIZES = [48, 64, 96] as const;
const BEFORES = [
  { value: "pixels", text: "pixels" },
  { value: "cubic", text: "cubic interpolation" },
] as const;

const crop = ({ data, width }: ImageData, left: number, top: number, w: number, h: number): ImageData => {
  const piece = new ImageData(w, h);
  for (let y = 0; y < h; y++) {
    const from = ((top + y) * width + left) * 4;
    piece.data.set(data.subarray(from, from + w * 4), y * w * 4);
  }
  return piece;
};

export function Card({ visible }: CardProps) {
  const [picture, setPicture] = useState<ImageData>();
  const [size, setSize] = useState<number>(64);
  const [corner, setCorner] = useState({ left: 76, top: 22 });
  const [split, setSplit] = useState(50);
  const [before, setBefore] = useState<(typeof BEFORES)[number]["value"]>("pixels");

  const [w, h] = picture ? [Math.min(size, picture.width), Math.min(size, picture.height)] : [size, size];
  const left = picture ? Math.min(corner.left, picture.width - w) : 0;
  const top = picture ? Math.min(corner.top, picture.height - h) : 0;
  const piece = useMemo(() => picture && crop(picture, left, top, w, h), [picture, left, top, w, h]);
  const { value, error, busy } = useJob(
    async () => piece && { piece, ...(await worker("pictures").upscale(piece)) },
    [piece],
  );
  const profile = useJob(() => worker("timing").profile(w, h), [w, h]);

  return (
    <>
      <PictureSource
        onPicture={setPicture}
        limit={256}
        kinds={["photo", "file", "webcam"]}
        visible={visible}
        testid="nets-source"
      />
      <div class="row">
        <div class="titled">
          <h3>The piece to enlarge</h3>
          <div class="marked">
            <Picture pixels={picture} label="The picture, with the piece marked" testid="nets-picture" />
            {picture && (
              <span
                class="piece"
                style={{
                  left: `${(left / picture.width) * 100}%`,
                  top: `${(top / picture.height) * 100}%`,
                  width: `${(w / picture.width) * 100}%`,
                  height: `${(h / picture.height) * 100}%`,
                }}
              />
            )}
          </div>
          <Slider
            label="From the left"
            value={left}
            min={0}
            max={picture ? picture.width - w : 0}
            onInput={(next) => setCorner({ left: next, top })}
            testid="nets-left"
          />
          <Slider
            label="From the top"
            value={top}
            min={0}
            max={picture ? picture.height - h : 0}
            onInput={(next) => setCorner({ left, top: next })}
            testid="nets-top"
          />
          <Choices
            label="Size in pixels"
            value={size}
            options={SIZES.map((n) => ({ value: n, text: `${n}` }))}
            onChange={setSize}
            testid="nets-size"
          />
        </div>
        <div class="titled compare-column">
          <h3>Before and after</h3>
          <div class="compare" style={{ "--split": `${split}%` }}>
            <Picture
              pixels={value?.image}
              label="The piece, enlarged by the network"
              pixelated
              testid="nets-after"
            />
            <div class="compare-before">
              <Picture
                pixels={before === "cubic" ? value?.cubic : value?.piece}
                label="The piece as it was"
                pixelated
                testid="nets-before"
              />
            </div>
            <span class="compare-line" />
          </div>
          <Slider
            label="Before, after"
            value={split}
            min={0}
            max={100}
            format={(n) => `${n} % before`}
            onInput={setSplit}
            testid="nets-split"
          />
          <Choices
            label="Before as"
            value={before}
            options={BEFORES}
            onChange={setBefore}
            testid="nets-before-as"
          />
        </div>
      </div>
      <Result testid="nets-result">
        {value && !busy && (
          <>
            {value.piece.width} × {value.piece.height} to {value.image.width} × {value.image.height} pixels in{" "}
            <b data-testid="nets-ms">{value.ms.toFixed(1)}</b> ms:{" "}
            <span data-testid="nets-multiply-adds">{(value.multiplyAdds / 1e6).toFixed(1)}</span> million
            multiply-adds
          </>
        )}
      </Result>
      {profile.value && <Bars {...profile.value} />}
      <p class="note">
        Nets that find poses and faces are published as TensorFlow.js graph models; they will join this card
        when the library reads that format. It reads layers models, such as this one.
      </p>
      <Failure error={error ?? profile.error} />
    </>
  );
}

interface BarsProps {
  readonly batch: number;
  readonly ms: number;
  readonly layers: readonly {
    readonly name: string;
    readonly kind: string;
    readonly algorithm: string;
    readonly ms: number;
    readonly share: number;
    readonly gflops: number;
  }[];
}

/** The layers that take time, each with a bar as long as its share. */
function Bars({ batch, ms, layers }: BarsProps) {
  const timed = layers.filter((layer) => layer.ms > 0);
  const most = Math.max(...timed.map(({ share }) => share));
  return (
    <div class="titled">
      <h3>Time by layer</h3>
      <table class="profile" data-testid="nets-profile">
        <thead>
          <tr>
            <th scope="col">layer</th>
            <th scope="col">algorithm</th>
            <th scope="col">share of the time</th>
            <th scope="col">ms</th>
          </tr>
        </thead>
        <tbody>
          {timed.map(({ name, kind, algorithm, ms, share }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{algorithm || kind}</td>
              <td>
                <span class="bar-of" style={{ "--part": share / most }} />
                <span class="bar-share">{(share * 100).toFixed(1)} %</span>
              </td>
              <td>{ms.toFixed(2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Result testid="nets-profile-sum" live={false}>
        {ms.toFixed(1)} ms in all, measured by <code>net.profile()</code>; layers that another one computes as
        well (activations, sums) are not listed.
        {batch > 1 &&
          ` This browser's clock is coarse: these are times of ${batch} pictures at once, divided by ${batch}.`}
      </Result>
    </div>
  );
}
