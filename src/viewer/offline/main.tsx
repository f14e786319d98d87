import { createRoot } from 'react-dom/client'
import { embeddedIn } from './embedded.ts'
import { judgeAside, judgeWhatComes } from './judging.ts'
import { VerifierPage } from './verifier-page.tsx'
import './verifier.css'

// The page, or the worker that it makes of this same script.
if ('document' in globalThis) draw()
else judgeWhatComes()

function draw(): void {
  // Beside a box, a dropped file must not take the page's place.
  for (const type of ['dragover', 'drop']) addEventListener(type, (event) => event.preventDefault())
  const script = document.currentScript?.textContent ?? ''
  const root = document.getElementById('root')
  if (root === null) throw new Error('verifier.html has no #root')
  createRoot(root).render(
    <VerifierPage
      embedded={embeddedIn(document)}
      judge={async (given) => await judgeAside(given, script)}
    />,
  )
}
