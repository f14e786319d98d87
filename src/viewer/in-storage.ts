/** null where this browser lets the page store nothing there, or has no room. */
export function inStorage<T>(act: (storage: Storage) => T): T | null {
  try {
    return act(localStorage)
  } catch {
    return null
  }
}
