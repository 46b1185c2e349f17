// What esbuild puts into main.css.
declare module "*.css";
