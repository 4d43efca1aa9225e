import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Signs a document with the JDK's own XML signatures: one enveloped ds:Signature in the element at a path.
 *
 * java SignXml.java IN OUT PATH KEY.p12 PASSWORD ALGORITHM DIGEST inclusive|exclusive [PREFIX]
 *
 * ALGORITHM is "rsa-sha256", "ecdsa-sha384" …; DIGEST "sha256", "sha384" or "sha512".
 */
public class SignXml {
    private static final String MORE = "http://www.w3.org/2001/04/xmldsig-more#";
    private static final String ENC = "http://www.w3.org/2001/04/xmlenc#";

    public static void main(String[] args) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        char[] password = args[4].toCharArray();
        try (InputStream in = new FileInputStream(args[3])) {
            store.load(in, password);
        }
        String alias = store.aliases().nextElement();
        PrivateKey key = (PrivateKey) store.getKey(alias, password);
        X509Certificate certificate = (X509Certificate) store.getCertificate(alias);

        DocumentBuilderFactory builders = DocumentBuilderFactory.newInstance();
        builders.setNamespaceAware(true);
        Document document = builders.newDocumentBuilder().parse(new File(args[0]));

        boolean exclusive = args[7].equals("exclusive");
        String method = exclusive ? CanonicalizationMethod.EXCLUSIVE : CanonicalizationMethod.INCLUSIVE;
        XMLSignatureFactory factory = XMLSignatureFactory.getInstance("DOM");
        List<Transform> transforms = new ArrayList<>();
        transforms.add(factory.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null));
        if (exclusive) {
            transforms.add(factory.newTransform(method, (TransformParameterSpec) null));
        }
        String digest = (args[6].equals("sha384") ? MORE : ENC) + args[6];
        Reference reference =
            factory.newReference("", factory.newDigestMethod(digest, null), transforms, null, null);
        SignedInfo signedInfo = factory.newSignedInfo(
            factory.newCanonicalizationMethod(method, (C14NMethodParameterSpec) null),
            factory.newSignatureMethod(MORE + args[5], null),
            List.of(reference));
        KeyInfoFactory keys = factory.getKeyInfoFactory();
        KeyInfo keyInfo = keys.newKeyInfo(List.of(
            keys.newKeyValue(certificate.getPublicKey()),
            keys.newX509Data(List.of(certificate.getSubjectX500Principal().getName(), certificate))));

        DOMSignContext context = new DOMSignContext(key, elementAt(document, args[2]));
        if (args.length > 8) {
            context.setDefaultNamespacePrefix(args[8]);
        }
        factory.newXMLSignature(signedInfo, keyInfo, null, "sigid", null).sign(context);

        Transformer transformer = TransformerFactory.newInstance().newTransformer();
        try (OutputStream out = new FileOutputStream(args[1])) {
            transformer.transform(new DOMSource(document), new StreamResult(out));
        }
    }

    private static Element elementAt(Document document, String path) {
        String[] names = path.split("/");
        Element element = document.getDocumentElement();
        if (!element.getTagName().equals(names[1])) {
            throw new IllegalArgumentException("the root is not " + names[1]);
        }
        for (int at = 2; at < names.length; at++) {
            Node child = element.getFirstChild();
            while (child != null && !child.getNodeName().equals(names[at])) {
                child = child.getNextSibling();
            }
            if (child == null) {
                throw new IllegalArgumentException("there is no " + names[at]);
            }
            element = (Element) child;
        }
        return element;
    }
}
