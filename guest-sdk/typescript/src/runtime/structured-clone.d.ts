/** The package has no types of its own. */
declare module "@ungap/structured-clone" {
  export default function structuredClone<T>(value: T): T;
}
