import { createRoot } from 'react-dom/client'
import { embeddedIn } from './embedded.ts'
import { VerifierPage } from './verifier-page.tsx'
import './verifier.css'

// Beside a box, a dropped file must not take the page's place.
for (const type of ['dragover', 'drop']) addEventListener(type, (event) => event.preventDefault())

const root = document.getElementById('root')
if (root === null) throw new Error('verifier.html has no #root')
createRoot(root).render(<VerifierPage embedded={embeddedIn(document)} />)
