// A module of its own, so that what loads it when it is needed gets this function of fflate's alone.
export { inflateSync } from "fflate";
