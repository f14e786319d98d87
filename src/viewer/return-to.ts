import { inStorage } from './in-storage.ts'

const KEY = 'runseal.return-to'

/** Remembers where the person is, for after the sign-in: its link opens another tab, so the tab's own storage is no use. */
export function rememberPlace(): void {
  inStorage((storage) => storage.setItem(KEY, location.pathname + location.search))
}

/** Where the person wanted to be, once; a place of this viewer, whatever the storage says. */
export function placeToReturn(): string {
  const place = inStorage((storage) => storage.getItem(KEY)) ?? ''
  inStorage((storage) => storage.removeItem(KEY))
  return /^\/(runs|gates|evidence|tables|verify)(\/|\?|$)/.test(place) ? place : '/runs'
}
