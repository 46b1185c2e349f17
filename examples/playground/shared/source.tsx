// Where a picture comes from: the sample photo, a file, the webcam, or one's own drawing.
import { useEffect, useRef, useState } from "preact/hooks";
import { Choices, Failure } from "./controls.tsx";
import { messageOf } from "./hooks.ts";
import { DrawingPad } from "./pad.tsx";

export type SourceKind = "photo" | "file" | "webcam" | "drawing";

const TEXTS: Record<SourceKind, string> = {
  photo: "photo",
  file: "your picture",
  webcam: "webcam",
  drawing: "drawing",
};

export interface PictureSourceProps {
  /** A new picture; of a webcam many a second. */
  readonly onPicture: (picture: ImageData) => void;
  /** The longer side at most. Default 512. */
  readonly limit?: number;
  readonly kinds?: readonly SourceKind[];
  /** Whether the webcam gives frames now. */
  readonly visible?: boolean;
  readonly testid?: string;
}

/** RGBA of what a browser can draw, made smaller where its longer side is above `limit`. */
export function pixelsOf(
  drawable: CanvasImageSource,
  width: number,
  height: number,
  limit: number,
): ImageData {
  const scale = Math.min(1, limit / Math.max(width, height));
  const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = new OffscreenCanvas(w, h).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser gives no canvas");
  context.drawImage(drawable, 0, 0, w, h);
  return context.getImageData(0, 0, w, h);
}

/** The sample photo, 256 x 256: an astronaut before a flag (NASA, public domain). */
export async function samplePhoto(limit = 512): Promise<ImageData> {
  return readBlob(await (await fetch("astronaut.png")).blob(), limit);
}

async function readBlob(blob: Blob, limit: number): Promise<ImageData> {
  const bitmap = await createImageBitmap(blob);
  try {
    return pixelsOf(bitmap, bitmap.width, bitmap.height, limit);
  } finally {
    bitmap.close();
  }
}

/** Radio buttons for the source, and what the chosen one needs: a file field, a pad, the camera. Starts with the first kind. */
export function PictureSource({
  onPicture,
  limit = 512,
  kinds = ["photo", "file", "webcam", "drawing"],
  visible = true,
  testid = "source",
}: PictureSourceProps) {
  const [kind, setKind] = useState<SourceKind>(kinds[0]);
  const [error, setError] = useState<string>();
  const report = useRef(onPicture);
  report.current = onPicture;

  useEffect(() => {
    setError(undefined);
    if (kind !== "photo") return;
    let gone = false;
    samplePhoto(limit).then(
      (picture) => !gone && report.current(picture),
      (reason) => setError(messageOf(reason)),
    );
    return () => {
      gone = true;
    };
  }, [kind, limit]);

  return (
    <div class="source">
      <Choices
        label="Picture"
        value={kind}
        options={kinds.map((value) => ({ value, text: TEXTS[value] }))}
        onChange={setKind}
        testid={testid}
      />
      {kind === "file" && (
        <label class="control">
          PNG, JPEG, WebP: it stays on your computer{" "}
          <input
            type="file"
            accept="image/*"
            data-testid={`${testid}-file`}
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (!file) return;
              setError(undefined);
              readBlob(file, limit).then(
                (picture) => report.current(picture),
                () => setError(`${file.name} is no picture that this browser can read`),
              );
            }}
          />
        </label>
      )}
      {kind === "webcam" && (
        <Webcam limit={limit} on={visible} onPicture={(p) => report.current(p)} onError={setError} />
      )}
      {kind === "drawing" && (
        <DrawingPad
          label="Drawing"
          width={256}
          height={256}
          pen={6}
          onDraw={(p) => report.current(p)}
          testid={`${testid}-pad`}
        />
      )}
      <Failure error={error} />
    </div>
  );
}

interface WebcamProps {
  readonly limit: number;
  readonly on: boolean;
  readonly onPicture: (picture: ImageData) => void;
  readonly onError: (message: string) => void;
}

/** Frames of the camera, at most 30 a second, none while off. */
function Webcam({ limit, on, onPicture, onError }: WebcamProps) {
  const latest = useRef({ onPicture, onError });
  latest.current = { onPicture, onError };
  useEffect(() => {
    if (!on) return;
    let gone = false;
    let stream: MediaStream | undefined;
    let timer: ReturnType<typeof setInterval> | undefined;
    const stop = () => {
      clearInterval(timer);
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    (async () => {
      if (!navigator.mediaDevices) throw new Error("the camera needs a page from https or localhost");
      const found = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } } });
      stream = found;
      if (gone) return stop();
      video.srcObject = stream;
      await video.play();
      timer = setInterval(() => {
        if (video.videoWidth && !document.hidden)
          latest.current.onPicture(pixelsOf(video, video.videoWidth, video.videoHeight, limit));
      }, 33);
    })().catch((error) => {
      if (!gone) latest.current.onError(`no camera: ${messageOf(error)}`);
    });
    return () => {
      gone = true;
      stop();
    };
  }, [on, limit]);
  return null;
}
